"""The reference of the `gennaker` command, written from its own help: `python -m gennaker.commands`."""

from html import unescape
from pathlib import Path
from typing import Final

from typer import Context
from typer.cli import get_docs_for_click
from typer.main import get_command

from gennaker.cli import app

FILE: Final = Path("docs/commands.md")

_BEFORE: Final = "<!-- Written by `python -m gennaker.commands`; do not edit. -->\n\n"


def reference() -> str:
    """Every command with its arguments and options, as Markdown."""
    command = get_command(app)
    docs = get_docs_for_click(obj=command, ctx=Context(command), name="gennaker", title="Commands")
    return _BEFORE + unescape(docs).strip() + "\n"


if __name__ == "__main__":
    FILE.write_text(reference(), encoding="utf-8")
