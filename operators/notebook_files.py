"""Where executed notebooks are kept."""

import re
from pathlib import Path

from operators.home import home


def executed(dag_id: str, run_id: str, task_id: str) -> Path:
    """The executed notebook of a task; its page is beside it, with the suffix `.html`."""
    names = [file_name(name) for name in (dag_id, run_id, task_id)]
    return home().joinpath("notebooks", *names[:2], f"{names[2]}.ipynb")


def page_of(notebook: Path) -> Path:
    """The page of an executed notebook."""
    return notebook.with_name(f"{notebook.name.removesuffix('.ipynb')}.html")


def file_name(name: str) -> str:
    """The name with only what any file system takes."""
    return re.sub(r"[^\w.+-]", "_", name).lstrip(".") or "_"
