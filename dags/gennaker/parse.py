"""YAML text -> plain data with places; anything else is one clear, located error.

Scalars follow YAML 1.2: `yes`, `no` and `on` are text, only `true` and `false` are booleans.
"""

import re
from pathlib import Path
from typing import Any, Final

import yaml

from gennaker.errors import PipelineErrors, Place, Problem, shown
from gennaker.tree import Items, Spot, Table

#: A pipeline of 12 stages has 2 kB; a file above this is not one that a person wrote.
MAX_BYTES: Final = 1_000_000
#: Values of a file once its aliases are followed: 100 times a long pipeline.
MAX_VALUES: Final = 50_000
#: Mappings and lists inside each other; a pipeline needs six.
MAX_DEPTH: Final = 40

#: An exponent needs a point: a commit such as 12e4567 is text.
_NUMBER: Final = re.compile(r"[-+]?(?:\d{1,18}|(?:\d{1,18}\.\d{0,18}|\.\d{1,18})(?:[eE][-+]?\d{1,2})?)", re.ASCII)
_WORDS: Final = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
#: What YAML does not allow in a file (YAML 1.2, production 1, c-printable).
_UNPRINTABLE: Final = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def parse_file(path: Path, name: str = "") -> Table:
    """The mapping that a YAML file holds; `name` is how messages call the file.

    Raises PipelineErrors.
    """
    file = name or str(path)
    try:
        with path.open("rb") as stream:
            data = stream.read(MAX_BYTES + 1)
    except OSError as error:
        raise _error(Place(file), f"cannot be read: {error.strerror}") from error
    return parse(data, file)


def parse(data: bytes, file: str) -> Table:
    """The mapping that YAML `data` holds. Raises PipelineErrors with one problem."""
    if len(data) > MAX_BYTES:
        raise _error(Place(file), f"is too large: expected at most {MAX_BYTES // 1_000_000} MB")
    text = _text(data, file)
    loader = yaml.CSafeLoader(text)
    try:
        tree = _Builder(loader, file).document()
    except yaml.MarkedYAMLError as error:
        raise _error(_place(file, error), _why(error, text)) from error
    finally:
        loader.dispose()
    if not isinstance(tree, Table):
        raise _error(Place(file), f"expected a mapping such as 'pipeline: name', found {shown(tree)}")
    return tree


def _text(data: bytes, file: str) -> str:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = data[: error.start].decode("utf-8", errors="replace")
        raise _error(_end_of(before, file), f"expected UTF-8 text, found byte 0x{data[error.start]:02x}") from error
    if found := _UNPRINTABLE.search(text):
        what = f"expected text, found the control character U+{ord(found.group()):04X}"
        raise _error(_end_of(text[: found.start()], file), what)
    return text


class _Builder:
    """Builds one document from the parser's events, counting what aliases would expand to."""

    def __init__(self, loader: Any, file: str) -> None:
        self._next = loader.get_event
        self._file = file
        self._anchors: dict[str, tuple[Any, int]] = {}
        self._values = 0

    def document(self) -> Any:
        self._next()  # the stream's start
        if isinstance(self._next(), yaml.StreamEndEvent):
            raise _error(Place(self._file), "is empty: expected a mapping such as 'pipeline: name'")
        tree = self._value(self._next(), 0)
        self._next()  # the document's end
        if not isinstance(after := self._next(), yaml.StreamEndEvent):
            raise self._error(after, "expected one document, found a second ('---')")
        return tree

    def _value(self, event: Any, depth: int) -> Any:
        self._values += 1
        kind = type(event)
        if kind is yaml.ScalarEvent:
            value = self._scalar(event)
            if event.anchor is not None:
                self._anchors[event.anchor] = value, 1
            return value
        if kind is yaml.AliasEvent:
            return self._alias(event)
        return self._container(event, depth)

    def _container(self, event: Any, depth: int) -> Any:
        if depth >= MAX_DEPTH:
            raise self._error(event, f"is nested too deep: expected at most {MAX_DEPTH} levels")
        self._refuse_tag(event)
        before = self._values - 1
        fill = self._table if type(event) is yaml.MappingStartEvent else self._items
        value = fill(event, depth + 1)
        if event.anchor is not None:
            self._anchors[event.anchor] = value, self._values - before
        return value

    def _table(self, event: Any, depth: int) -> Table:
        table = Table(self._file, _spot(event))
        keys_at, values_at = table.keys_at, table.values_at
        while type(key_event := self._next()) is not yaml.MappingEndEvent:
            key = self._key(key_event)
            if key in table:
                first = table.key_place(key)
                raise self._error(key_event, f"the key '{key}' is written twice, first in line {first.line}")
            value_event = self._next()
            table[key] = self._value(value_event, depth)
            keys_at[key], values_at[key] = _spot(key_event), _spot(value_event)
        return table

    def _items(self, event: Any, depth: int) -> Items:
        items = Items(self._file, _spot(event))
        while type(item := self._next()) is not yaml.SequenceEndEvent:
            items.append(self._value(item, depth))
            items.items_at.append(_spot(item))
        return items

    def _key(self, event: Any) -> str:
        self._values += 1
        value = self._scalar(event) if type(event) is yaml.ScalarEvent else None
        if not isinstance(value, str):
            raise self._error(event, f"expected a name as key, found {_event_shown(event)}")
        if value == "<<":
            raise self._error(event, "merge keys ('<<') are not supported; use a template")
        return value

    def _scalar(self, event: Any) -> Any:
        if event.tag is not None:
            self._refuse_tag(event)
        text = event.value
        if not event.implicit[0]:
            return text
        if text in _WORDS:
            return _WORDS[text]
        if text[0] in "+-.0123456789" and _NUMBER.fullmatch(text):
            return int(text) if text.lstrip("-+").isdecimal() else float(text)
        return text

    def _alias(self, event: Any) -> Any:
        if event.anchor not in self._anchors:
            raise self._error(event, f"the alias '*{event.anchor}' has no anchor '&{event.anchor}' before it")
        value, size = self._anchors[event.anchor]
        self._values += size
        if self._values > MAX_VALUES:
            raise self._error(event, f"aliases expand to too much: expected at most {MAX_VALUES} values")
        return value

    def _refuse_tag(self, event: Any) -> None:
        if event.tag not in (None, "!"):
            raise self._error(event, f"the tag '{event.tag}' is not supported; write plain YAML")

    def _error(self, event: Any, what: str) -> PipelineErrors:
        line, column = _spot(event)
        return _error(Place(self._file, line + 1, column + 1), what)


def _spot(event: Any) -> Spot:
    mark = event.start_mark
    return mark.line, mark.column


def _event_shown(event: Any) -> str:
    return shown(event.value) if isinstance(event, yaml.ScalarEvent) else "a mapping or a list"


def _place(file: str, error: yaml.MarkedYAMLError) -> Place:
    mark = error.problem_mark or error.context_mark
    return Place(file, mark.line + 1, mark.column + 1) if mark else Place(file)


def _why(error: yaml.MarkedYAMLError, text: str) -> str:
    mark = error.problem_mark
    lines = text.splitlines()
    if mark and mark.line < len(lines) and "\t" in lines[mark.line][: mark.column + 1]:
        return "a tab is not allowed here; indent with spaces"
    context = f" {error.context}" if error.context else ""
    return f"is not YAML: {error.problem}{context}"


def _end_of(text: str, file: str) -> Place:
    lines = text.splitlines(keepends=True) or [""]
    if lines[-1].endswith(("\n", "\r")):
        lines.append("")
    return Place(file, len(lines), len(lines[-1]) + 1)


def _error(place: Place, what: str) -> PipelineErrors:
    return PipelineErrors([Problem(place, what)])
