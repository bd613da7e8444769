"""The `gennaker` command's reference: `python -m gennaker.commands > docs/commands.md`."""

from html import unescape

from typer import Context
from typer.cli import get_docs_for_click
from typer.main import get_command

from gennaker.cli import app

_BEFORE = """\
<!-- Made by `python -m gennaker.commands`; a test compares it with the command's own help. -->

"""


def reference() -> str:
    """Every command with its arguments and options, as Markdown."""
    command = get_command(app)
    docs = get_docs_for_click(obj=command, ctx=Context(command), name="gennaker", title="Commands")
    return _BEFORE + unescape(docs).strip() + "\n"


if __name__ == "__main__":
    print(reference(), end="")
