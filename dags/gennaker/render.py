"""A pipeline as a picture: a tree in the terminal, or an SVG of its graph."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Final

from canary.durations import format_duration
from gennaker.model import Pipeline
from gennaker.stages import (
    AutomatedCanary,
    BakeImage,
    Deploy,
    FinishAndArchive,
    IntegrationTests,
    ManualJudgment,
    ProgressiveRollout,
    Stage,
    Wait,
    Window,
)

if TYPE_CHECKING:
    from networkx import DiGraph
    from rich.tree import Tree

PROMOTE: Final = "promote"
ROLL_BACK: Final = "roll back"


class Kind(StrEnum):
    """What a node of the graph is."""

    STAGE = "stage"
    REGION = "region"
    PROMOTE = PROMOTE
    ROLL_BACK = ROLL_BACK


#: Fill colours that keep black text readable, also for the colour-blind (Okabe and Ito, lightened).
_COLOURS: Final = {
    Kind.STAGE: "#cfe8f7",
    Kind.REGION: "#f5f5f5",
    Kind.PROMOTE: "#bfe6d9",
    Kind.ROLL_BACK: "#f7d4b8",
}


@dataclass(frozen=True, slots=True)
class Node:
    """One box of the graph."""

    key: str
    label: str
    kind: Kind


def summary(stage: Stage) -> str:
    """What a stage does, in half a line."""
    match stage:
        case BakeImage():
            settings = "".join(f", {key} {value}" for key, value in stage.settings.items())
            return f"{stage.artifact}{settings}"
        case Deploy():
            return f"{stage.environment}: {', '.join(stage.regions)}; {stage.strategy}, {stage.capacity} each"
        case IntegrationTests():
            return f"{stage.environment}: {f'GET {stage.http.path}' if stage.http else stage.command}"
        case AutomatedCanary():
            return f"{stage.environment}/{stage.region}: {stage.traffic}% each, profile {stage.profile}"
        case ProgressiveRollout():
            return f"{stage.environment}: {ramp(stage)}, {format_duration(stage.step_duration)} each"
        case ManualJudgment():
            return f"asks {', '.join(stage.approvers) or 'anyone'}, {format_duration(stage.timeout)} at most"
        case Wait():
            return format_duration(stage.duration)
        case Window():
            return f"until {stage.window} opens"
        case FinishAndArchive():
            return f"keeps {stage.keep_groups} old groups, {stage.keep_images} images"


def ramp(stage: ProgressiveRollout) -> str:
    """The steps of a rollout, such as `5% → 100%`."""
    return " → ".join(f"{percent}%" for percent in stage.ramp)


def text(pipeline: Pipeline) -> "Tree":
    """The pipeline as a tree for the terminal, with regions and branches."""
    from rich.tree import Tree

    tree = Tree(f"[bold]{pipeline.pipeline}[/bold]  {pipeline.description}".rstrip())
    before: tuple[str, ...] = ()
    for stage in pipeline.stages:
        branch = tree.add(" ".join(_words(stage, before)))
        if isinstance(stage, AutomatedCanary):
            _add_ends(branch)
        elif isinstance(stage, ProgressiveRollout):
            for number, wave in enumerate(stage.waves, start=1):
                parent = branch.add(f"wave {number}") if len(stage.waves) > 1 else branch
                for region in wave:
                    _add_ends(parent.add(f"[cyan]{region}[/cyan]  {ramp(stage)}"))
        before = (stage.name,)
    return tree


def _words(stage: Stage, before: tuple[str, ...]) -> Iterator[str]:
    yield f"[bold]{stage.name}[/bold]"
    if stage.name != stage.type:
        yield f"({stage.type})"
    yield f" {summary(stage)}".replace("[", r"\[")
    if stage.needs != before:
        yield f" [dim]after {', '.join(stage.needs) or 'nothing'}[/dim]"
    if stage.when:
        yield f" [dim]when {stage.when}[/dim]".replace("\n", " ")


def _add_ends(branch: "Tree") -> None:
    branch.add(f"[green]{PROMOTE}[/green]")
    branch.add(f"[red]{ROLL_BACK}[/red]")


def graph(pipeline: Pipeline) -> "DiGraph[Node]":
    """The pipeline's graph with a node for each stage, region and branch."""
    import networkx as nx

    drawn: DiGraph[Node] = nx.DiGraph()
    ends: dict[str, list[Node]] = {}
    for stage in pipeline.stages:
        node = Node(stage.name, stage.name, Kind.STAGE)
        drawn.add_node(node)
        drawn.add_edges_from((end, node) for needed in stage.needs for end in ends[needed])
        ends[stage.name] = list(_branches(drawn, node, stage))
    return drawn


def _branches(drawn: "DiGraph[Node]", node: Node, stage: Stage) -> Iterator[Node]:
    """Adds the regions and branches of a stage; gives the nodes that the next stage follows."""
    match stage:
        case AutomatedCanary():
            yield _gate(drawn, node)
        case ProgressiveRollout():
            before = [node]
            for wave in stage.waves:
                promoted = []
                for region in wave:
                    box = Node(f"{stage.name}/{region}", f"{region}\n{ramp(stage)}", Kind.REGION)
                    drawn.add_edges_from((earlier, box) for earlier in before)
                    promoted.append(_gate(drawn, box))
                before = promoted
            yield from before
        case _:
            yield node


def _gate(drawn: "DiGraph[Node]", node: Node) -> Node:
    promoted = Node(f"{node.key}/{PROMOTE}", PROMOTE, Kind.PROMOTE)
    drawn.add_edges_from([(node, promoted), (node, Node(f"{node.key}/{ROLL_BACK}", ROLL_BACK, Kind.ROLL_BACK))])
    return promoted


def svg(pipeline: Pipeline, file: Path) -> None:
    """Writes the pipeline's graph as SVG; the same pipeline gives the same bytes."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    drawn = graph(pipeline)
    columns = _columns(drawn)
    places = {
        node: (column, (len(nodes) - 1) / 2 - row)
        for column, nodes in enumerate(columns)
        for row, node in enumerate(nodes)
    }
    rows = max(len(nodes) for nodes in columns)
    figure = Figure(figsize=(1.9 * len(columns), 1 + 0.7 * rows))
    axes = figure.add_axes((0, 0, 1, 1), frameon=False, xticks=[], yticks=[])
    axes.set_xlim(-0.6, len(columns) - 0.4)
    axes.set_ylim(-rows / 2 - 0.2, rows / 2 + 0.5)
    axes.text(-0.45, rows / 2 + 0.2, f"{pipeline.pipeline}: {pipeline.description}", weight="bold")
    boxes = {}
    for node, (x, y) in places.items():
        look = {"boxstyle": "round,pad=0.45", "facecolor": _COLOURS[node.kind], "edgecolor": "#666"}
        written = axes.text(x, y, node.label, ha="center", va="center", fontsize=8, bbox=look)
        boxes[node] = written.get_bbox_patch()
    figure.draw_without_rendering()  # gives the boxes their size, which the arrows end at
    for start, end in drawn.edges:
        arrow = {"arrowstyle": "->", "color": "#888", "patchA": boxes[start], "patchB": boxes[end]}
        axes.annotate("", xy=places[end], xytext=places[start], arrowprops=arrow)
    with mpl.rc_context({"svg.hashsalt": pipeline.pipeline, "svg.fonttype": "none"}):
        figure.savefig(file, format="svg", metadata={"Date": None})


def _columns(drawn: "DiGraph[Node]") -> list[list[Node]]:
    """The nodes by how many must come before them."""
    import networkx as nx

    rank = {node: index for index, node in enumerate(drawn.nodes)}
    return [sorted(nodes, key=rank.__getitem__) for nodes in nx.topological_generations(drawn)]
