"""YAML text gives plain data with places, or one clear, located line."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gennaker.errors import PipelineErrors
from gennaker.parse import MAX_BYTES, parse
from gennaker.tree import Items, Table, place_of


def problem(text: str | bytes) -> str:
    data = text if isinstance(text, bytes) else text.encode()
    with pytest.raises(PipelineErrors) as caught:
        parse(data, "f.yaml")
    [found] = caught.value.problems
    return str(found)


def test_scalars_follow_yaml_1_2() -> None:
    text = "{a: 1, b: 1.5, c: true, d: yes, e: null, f: '1', g: 5%, h: 1.0e3, i: -7, j: 08, k: ~, l: on, m: 0x1F, "
    text += "n: 12e4567}"
    assert parse(text.encode(), "f.yaml") == {
        "a": 1, "b": 1.5, "c": True, "d": "yes", "e": None, "f": "1", "g": "5%", "h": 1000.0, "i": -7,
        "j": 8, "k": None, "l": "on", "m": "0x1F", "n": "12e4567",
    }  # fmt: skip


def test_every_value_and_key_knows_its_place() -> None:
    tree = parse(b"a:\n  - b\n  - {c: d}\n", "f.yaml")
    assert str(place_of(tree, ("a", 1, "c"))) == "f.yaml:3:9"
    assert str(place_of(tree, ("a", 1, "c"), key=True)) == "f.yaml:3:6"
    assert str(place_of(tree, ("a", 0, "missing"))) == "f.yaml:2:5"


def test_aliases_repeat_what_their_anchor_names() -> None:
    assert parse(b"a: &x [1, 2]\nb: *x\n", "f.yaml") == {"a": [1, 2], "b": [1, 2]}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "f.yaml:1:1: is empty: expected a mapping such as 'pipeline: name'"),
        ("# nothing\n", "f.yaml:1:1: is empty: expected a mapping such as 'pipeline: name'"),
        ("- a\n", "f.yaml:1:1: expected a mapping such as 'pipeline: name', found a list of 1"),
        ("just text", "f.yaml:1:1: expected a mapping such as 'pipeline: name', found 'just text'"),
        ("a: 1\nb: 2\na: 3\n", "f.yaml:3:1: the key 'a' is written twice, first in line 1"),
        ("a: 1\n---\nb: 2\n", "f.yaml:2:1: expected one document, found a second ('---')"),
        ("a:\n\t- b\n", "f.yaml:2:1: a tab is not allowed here; indent with spaces"),
        ("1: a\n", "f.yaml:1:1: expected a name as key, found '1'"),
        ("[a]: b\n", "f.yaml:1:1: expected a name as key, found a mapping or a list"),
        ("a: !!python/object:os.system {}\n", "f.yaml:1:4: the tag 'tag:yaml.org,2002:python/object:os.system'"),
        ("a: {<<: {b: 1}}\n", "f.yaml:1:5: merge keys ('<<') are not supported; use a template"),
        ("a: *b\n", "f.yaml:1:4: the alias '*b' has no anchor '&b' before it"),
        ("a: &b [*b]\n", "f.yaml:1:8: the alias '*b' has no anchor '&b' before it"),
        ("a: [1, 2\nb: 3\n", "f.yaml:2:2: is not YAML: did not find expected ',' or ']'"),
        ("a: 'b\n", "f.yaml:2:1: is not YAML: found unexpected end of stream"),
        ("a: " + "[" * 60 + "]" * 60, "f.yaml:1:43: is nested too deep: expected at most 40 levels"),
        ("a: " + "[" * 100_000, "f.yaml:1:43: is nested too deep: expected at most 40 levels"),
        (b"a: \xff\n", "f.yaml:1:4: expected UTF-8 text, found byte 0xff"),
        (b"a: b\nc\x00d\n", "f.yaml:2:2: expected text, found the control character U+0000"),
        (b"\x7fELF\x02\x01", "f.yaml:1:1: expected text, found the control character U+007F"),
    ],
)  # fmt: skip
def test_what_is_not_a_mapping_of_plain_yaml_is_one_located_line(text: str | bytes, expected: str) -> None:
    assert problem(text).startswith(expected)


def test_a_yaml_bomb_is_refused_before_it_expands() -> None:
    levels = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    levels += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 12)]
    assert "aliases expand to too much: expected at most 50000 values" in problem("\n".join(levels))


def test_a_file_of_10_mb_is_refused_unread() -> None:
    assert problem(b"a" * (MAX_BYTES * 10)) == "f.yaml:1:1: is too large: expected at most 1 MB"


@given(st.binary(max_size=200))
def test_any_bytes_give_a_mapping_or_one_located_line(data: bytes) -> None:
    parses_or_says_why(data)


yaml_like = st.text(alphabet=st.sampled_from(list("ab:-{}[],&*!|>'\"#%@`? \n\t<~0.")), max_size=60)


@given(yaml_like)
def test_any_yaml_like_text_gives_a_mapping_or_one_located_line(text: str) -> None:
    parses_or_says_why(text.encode())


def parses_or_says_why(data: bytes) -> None:
    try:
        assert isinstance(parse(data, "f.yaml"), Table)
    except PipelineErrors as errors:
        [found] = errors.problems
        assert found.place.line >= 1
        assert found.place.column >= 1
        assert "\n" not in str(found)


letters = st.text(st.characters(codec="ascii", categories=["L"]))
plain = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**17), 10**17) | letters,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(letters, inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from(["one", "two", "three"]), plain))
def test_json_is_read_as_json_and_its_places_cover_it(value: dict[str, object]) -> None:
    tree = parse(json.dumps(value, indent=1).encode(), "f.yaml")
    assert tree == value
    assert_placed(tree)


def assert_placed(node: object) -> None:
    match node:
        case Table():
            assert node.keys() == node.keys_at.keys() == node.values_at.keys()
            for inner in node.values():
                assert_placed(inner)
        case Items():
            assert len(node) == len(node.items_at)
            for inner in node:
                assert_placed(inner)
