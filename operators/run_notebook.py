"""Run notebook: a notebook executed with parameters, kept with its outputs and as one page of HTML."""

import html
import json
import os
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from airflow.sdk import BaseOperator
from airflow.sdk.definitions.context import Context
from airflow.sdk.exceptions import AirflowException, AirflowFailException

from operators import notebook_files
from operators.atomic_file import write_atomically
from operators.home import home
from operators.links import NotebookPage

#: The kernel that is this very Python; a name of its own, so that no kernel of the user's is taken for it.
KERNEL: Final = "gennaker"
#: The module that is a kernel's program, by which its process is known.
LAUNCHER: Final = "ipykernel_launcher"
#: How long a kernel that was asked to end has before it is killed.
PATIENCE_S: Final = 3.0

STYLE: Final = """body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1b1f24}
pre{background:#f6f8fa;padding:.6rem;overflow-x:auto;border-radius:4px}table{border-collapse:collapse}
td,th{border:1px solid #d0d7de;padding:.2rem .5rem;text-align:right}svg,img{max-width:100%;height:auto}
.prompt,.anchor-link{display:none}"""


class RunNotebook(BaseOperator):
    """Runs a notebook in a kernel of its own and keeps what came out.

    The kernel is this very Python and works in the notebook's folder. The executed notebook and a page of HTML that
    loads nothing go to `notebooks/` in the state folder, also when a cell fails; a retry replaces them whole.

    Args:
        notebook: path of the notebook, whose cell of parameters has the tag `parameters`.
        parameters: plain values laid over those of the notebook (a template).
    """

    template_fields = ("parameters",)
    operator_extra_links = (NotebookPage(),)

    def __init__(self, *, notebook: str, parameters: Mapping[str, Any] | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.notebook = notebook
        self.parameters = dict(parameters or {})

    def execute(self, context: Context) -> dict[str, str]:
        """Runs the notebook; gives the paths of the executed notebook (`notebook`) and of the page (`html`)."""
        source = Path(self.notebook)
        if not source.is_file():
            raise AirflowFailException(f"{source}: there is no such notebook. To mend: correct the task's `notebook`")
        run = context["dag_run"]
        kept = notebook_files.executed(run.dag_id, run.run_id, self.task_id)
        kept.parent.mkdir(parents=True, exist_ok=True)
        page_path = notebook_files.page_of(kept)
        with tempfile.TemporaryDirectory(prefix=".running.", dir=kept.parent) as folder:
            executed = Path(folder) / source.name
            try:
                _executed(source, executed, self.parameters)
            finally:
                self.on_kill()
                if executed.is_file():
                    write_atomically(page_path, page(executed, source.stem))
                    executed.replace(kept)
        return {"notebook": str(kept), "html": str(page_path)}

    def on_kill(self) -> None:
        """Ends the kernel, with all that it started."""
        import psutil

        mine = psutil.Process().children(recursive=True)
        kernels = [process for process in mine if _is_kernel(process)]
        family = [child for kernel in kernels for child in _children(kernel)] + kernels
        for process in family:
            _signal(process, is_last=False)
        for process in psutil.wait_procs(family, timeout=PATIENCE_S)[1]:
            _signal(process, is_last=True)


def page(executed: Path, title: str) -> str:
    """An executed notebook as one page of HTML that loads nothing: no script, style or font from elsewhere."""
    import nbformat
    from nbconvert import HTMLExporter

    # The other templates of nbconvert load require.js and MathJax from a public server.
    exporter = HTMLExporter(template_name="basic", embed_images=True, mathjax_url="", require_js_url="")
    body, _ = exporter.from_notebook_node(nbformat.read(executed, as_version=4))
    head = f'<meta charset="utf-8"><title>{html.escape(title)}</title><style>{STYLE}</style>'
    return f'<!DOCTYPE html>\n<html lang="en"><head>{head}</head><body>\n{body}\n</body></html>\n'


def _executed(source: Path, executed: Path, parameters: Mapping[str, Any]) -> None:
    """Runs the notebook into the file `executed`; raises AirflowException that names the cell that failed."""
    import papermill
    from nbclient.exceptions import DeadKernelError
    from papermill.exceptions import PapermillExecutionError

    told = {"kernel_name": KERNEL, "language": "python", "progress_bar": False, "cwd": str(source.resolve().parent)}
    try:
        with _own_kernel():
            papermill.execute_notebook(str(source), str(executed), parameters=dict(parameters), **told)
    except PapermillExecutionError as error:
        why = f"{error.ename}: {error.evalue}"
        mend = "the executed notebook and its page are kept with the traceback"
        raise AirflowException(f"{source}: cell [{error.exec_count}] failed: {why}. To mend: {mend}") from error
    except DeadKernelError as error:
        raise AirflowException(f"{source}: the kernel ended before the notebook: {error}") from error


@contextmanager
def _own_kernel() -> Iterator[None]:
    """While it lasts, Jupyter finds the kernel of this Python, and its files are the state folder's."""
    data = _jupyter()
    # Papermill asks the specification for its language, and fails without one.
    spec = {
        "argv": [sys.executable, "-m", LAUNCHER, "-f", "{connection_file}"],
        "display_name": "Gennaker",
        "language": "python",
        "metadata": {"kernelspec": {"language": "python"}},
    }
    write_atomically(data / "kernels" / KERNEL / "kernel.json", json.dumps(spec))
    # IPython's folder is its user's elsewhere; a profile of theirs is no part of a pipeline.
    own = {name: str(data) for name in ("JUPYTER_PATH", "JUPYTER_DATA_DIR", "IPYTHONDIR")}
    before = {name: os.environ.get(name) for name in own}
    os.environ.update(own)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _jupyter() -> Path:
    """Where Jupyter's own files are."""
    return home() / "notebooks" / ".jupyter"


def _is_kernel(process: Any) -> bool:
    """Whether this process is a kernel; a task's process starts none but its notebook's."""
    import psutil

    try:
        return LAUNCHER in process.cmdline()
    except psutil.Error:
        return False


def _children(process: Any) -> list[Any]:
    import psutil

    try:
        found: list[Any] = process.children(recursive=True)
    except psutil.Error:
        return []
    return found


def _signal(process: Any, *, is_last: bool) -> None:
    """Asks a process to end, or kills it; one that is gone already is fine."""
    import psutil

    try:
        if is_last:
            process.kill()
        else:
            process.terminate()
    except psutil.NoSuchProcess:
        return
