"""The page of a run: its judgments, the report of the one that is chosen, and what the run turned out to be."""

from collections.abc import Sequence
from typing import Final

from jinja2 import Environment

from gennaker.ui.reports import Report
from operators.learning.labels import Label

#: What a reader should see first: the judgments that stopped something, then those in doubt.
_URGENCY: Final = ("FAIL", "ERROR", "INCONCLUSIVE", "PASS")

_PAGE: Final = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True).from_string("""\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
{% if not reports %}<meta http-equiv="refresh" content="10">{% endif %}
<title>Canaries of {{ dag_id }} {{ run_id }}</title>
<style>
  :root { color-scheme: light dark; }
  body { margin: 0; display: flex; height: 100vh; font: 14px/1.4 system-ui, sans-serif; }
  nav { flex: 0 0 17rem; overflow: auto; border-right: 1px solid #8884; padding: .5rem; }
  nav a { display: block; padding: .5rem; border-radius: .4rem; color: inherit; text-decoration: none; }
  nav a:hover, nav a:focus { background: #8882; }
  nav small { display: block; opacity: .75; }
  b { font-size: 11px; padding: .1rem .4rem; border-radius: .3rem; color: #fff; background: #6b7280; }
  b.PASS { background: #15803d; } b.FAIL, b.ERROR { background: #b91c1c; } b.INCONCLUSIVE { background: #b45309; }
  form { border-top: 1px solid #8884; margin-top: .5rem; padding: .5rem; }
  form input { box-sizing: border-box; width: 100%; margin: .3rem 0; font: inherit; }
  form button { font: inherit; cursor: pointer; }
  iframe { flex: 1; border: 0; background: #fff; }
  p { margin: 2rem; } p.label { margin: .5rem; }
</style>
</head>
<body>
{% if reports %}
<nav aria-label="Judgments">
{% for report in reports %}
  <a href="{{ base }}/reports/{{ report.judgment_id | urlencode }}" target="report">
    <b class="{{ report.verdict }}">{{ report.verdict }}</b> {{ report.title }}
    <small>{{ report.reason }}</small>
  </a>
{% endfor %}
{% if label %}
  <p class="label">
    Labelled <strong>{{ label.truth }}</strong> by {{ label.who }} ({{ label.source }}): {{ label.why }}
  </p>
{% endif %}
{% if may_label %}
  <form method="post" action="{{ base }}/runs/{{ dag_id | urlencode }}/{{ run_id | urlencode }}/label">
    <label>What did the release turn out to be, and why?
      <input name="why" required maxlength="2000" placeholder="What was seen, where it is written">
    </label>
    <button name="truth" value="good">Good</button>
    <button name="truth" value="bad">Bad</button>
  </form>
{% endif %}
</nav>
<iframe name="report" title="Report" src="{{ base }}/reports/{{ first.judgment_id | urlencode }}"></iframe>
{% else %}
<p>No canary of this run has been judged yet. This page looks again every ten seconds.</p>
{% endif %}
</body>
</html>
""")


def run_page(
    dag_id: str,
    run_id: str,
    reports: Sequence[Report],
    *,
    base: str,
    task_id: str = "",
    label: Label | None = None,
    may_label: bool = False,
) -> str:
    """The page as HTML.

    Args:
        dag_id: the pipeline.
        run_id: the run.
        reports: the run's, in the order to list them.
        base: path that the reports' addresses begin with.
        task_id: the task whose report is opened; else the most urgent one is.
        label: what the run turned out to be, if anyone said.
        may_label: whether the reader may say so.
    """
    first = min(reports, key=lambda report: (report.task_id != task_id, _urgency(report.verdict)), default=None)
    return _PAGE.render(
        dag_id=dag_id, run_id=run_id, reports=reports, first=first, base=base, label=label, may_label=may_label
    )


def _urgency(verdict: str) -> int:
    return _URGENCY.index(verdict) if verdict in _URGENCY else len(_URGENCY)
