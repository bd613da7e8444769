"""A pipeline is drawn with its regions, and with where it is promoted or rolled back."""

from pathlib import Path

from rich.console import Console

from gennaker import render
from gennaker.read import load
from tests.gennaker.builders import ROOT, resolve, stages


def drawn(pipeline: object) -> str:
    console = Console(width=120, no_color=True, legacy_windows=False)
    with console.capture() as capture:
        console.print(pipeline)
    return capture.get()


def test_the_text_shows_stages_regions_and_branches(tmp_path: Path) -> None:
    text = stages("""
- bake-image: {os: ubuntu-22}
- automated-canary: {environment: production, traffic: 5%}
- progressive-rollout: {environment: production, waves: [[us-east-1], [us-west-2]], ramp: [20%, 100%]}
""")
    shown = drawn(render.text(resolve(tmp_path, text)))
    assert [line.rstrip() for line in shown.splitlines()] == [
        "demo",
        "├── bake-image  demo, os ubuntu-22",
        "├── automated-canary  production/us-east-1: 5% each, profile standard",
        "│   ├── promote",
        "│   └── roll back",
        "├── progressive-rollout  production: 20% → 100%, 5m each",
        "│   ├── wave 1",
        "│   │   └── us-east-1  20% → 100%",
        "│   │       ├── promote",
        "│   │       └── roll back",
        "│   └── wave 2",
        "│       └── us-west-2  20% → 100%",
        "│           ├── promote",
        "│           └── roll back",
        "└── finish-and-archive  keeps 0 old groups, 10 images",
    ]


def test_the_text_shows_what_a_stage_waits_for_when_it_is_not_the_one_before(tmp_path: Path) -> None:
    text = stages("""
- wait: {name: a, duration: 90s}
- manual-judgment: {name: b, approvers: [alice], needs: []}
- window: {window: office-hours, needs: [a, b], when: "run.kind == 'manual' and [1]"}
- integration-tests: {environment: test, http: {path: /ok}}
""")
    shown = drawn(render.text(resolve(tmp_path, text)))
    assert "a (wait)  1m30s" in shown
    assert "b (manual-judgment)  asks alice, 1d at most  after nothing" in shown
    assert "window  until office-hours opens  after a, b  when run.kind == 'manual' and [1]" in shown
    assert "integration-tests  test: GET /ok" in shown


def test_the_graph_branches_to_promote_and_roll_back_in_each_region() -> None:
    graph = render.graph(load(ROOT / "dags").resolve("playback"))
    edges = {(start.key, end.key) for start, end in graph.edges}
    for region in ("us-east-1", "us-west-2", "eu-central-1"):
        box = f"progressive-rollout/{region}"
        assert {("progressive-rollout", box), (box, f"{box}/promote"), (box, f"{box}/roll back")} <= edges
        assert (f"{box}/promote", "finish-and-archive") in edges
    assert ("automated-canary/promote", "progressive-rollout") in edges
    assert not [start for start, _ in edges if start.endswith("roll back")]


def test_the_same_pipeline_gives_the_same_svg(tmp_path: Path) -> None:
    pipeline = load(ROOT / "dags").resolve("playback")
    render.svg(pipeline, tmp_path / "a.svg")
    render.svg(pipeline, tmp_path / "b.svg")
    drawing = (tmp_path / "a.svg").read_text(encoding="utf-8")
    assert drawing == (tmp_path / "b.svg").read_text(encoding="utf-8")
    for label in ("bake-image", "us-west-2", "promote", "roll back"):
        assert label in drawing
