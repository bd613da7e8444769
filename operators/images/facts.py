"""What a directory says of itself: how it starts, its version, what it depends on."""

import re
import tomllib

from operators.errors import CloudError
from operators.images.tree import Tree

_VERSION = re.compile(r"[0-9A-Za-z][0-9A-Za-z.+_-]{0,63}")
_PROCESS = re.compile(r"(?P<process>[A-Za-z0-9_-]+):\s*(?P<command>.*)")


def start_command(tree: Tree) -> str:
    """The command of the `Procfile` line `web:`; raises CloudError when there is not exactly one."""
    text = tree.small_file("Procfile")
    mend = "add a Procfile with one line such as 'web: python server.py'"
    if text is None:
        raise CloudError(f"{tree.root} has no Procfile", why="an image must know how it starts", mend=mend)
    lines = (_PROCESS.fullmatch(line.strip()) for line in text.splitlines())
    commands = [line["command"].strip() for line in lines if line and line["process"] == "web"]
    if len(commands) != 1 or not commands[0] or "\0" in commands[0]:
        raise CloudError(
            f"the Procfile of {tree.root} does not say how to start",
            why=f"expected one line 'web: COMMAND', found {len(commands)}",
            mend=mend,
        )
    return commands[0]


def stated_version(tree: Tree) -> str | None:
    """What the `VERSION` file says, or None when there is none; raises CloudError when it is no version."""
    text = tree.small_file("VERSION")
    if text is None:
        return None
    version = text.strip()
    if not _VERSION.fullmatch(version):
        raise CloudError(
            f"the VERSION file of {tree.root} holds no version",
            why=f"found {version[:80]!r}",
            mend="write one version such as 1.4.2: letters, digits and . + _ -, at most 64",
        )
    return version


def dependencies(tree: Tree) -> tuple[str, ...]:
    """The Python requirements named in `requirements.txt` and `pyproject.toml`, sorted."""
    found = set(_requirements(tree.small_file("requirements.txt") or ""))
    found.update(_project_dependencies(tree.small_file("pyproject.toml") or ""))
    return tuple(sorted(found))


def _requirements(text: str) -> list[str]:
    lines = (re.split(r"(?:^|\s)#", line, maxsplit=1)[0].strip(" \t\\") for line in text.splitlines())
    return [line for line in lines if line and not line.startswith("-")]


def _project_dependencies(text: str) -> list[str]:
    try:
        project = tomllib.loads(text).get("project", {})
    except tomllib.TOMLDecodeError as error:
        raise CloudError("pyproject.toml cannot be read", why=str(error), mend="mend the file") from error
    listed = project.get("dependencies", []) if isinstance(project, dict) else []
    return [item for item in listed if isinstance(item, str)] if isinstance(listed, list) else []
