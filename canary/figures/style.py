"""How every figure looks: its size, colours, axes and numbers."""

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: Colours by meaning. A report replaces each with a CSS variable, so that it follows light and dark.
COLOURS: Final[Mapping[str, str]] = {
    "baseline": "#2f6fb1",
    "canary": "#d9730d",
    "harm": "#c4362b",
    "safe": "#2e7d50",
    "open": "#9a6700",
    "ink": "#24292e",
    "muted": "#6a737c",
    "rule": "#d8dee5",
}
#: Inches; about what a column of a page holds.
WIDTH: Final = 5.6
HEIGHT: Final = 2.9
#: Inches around the axes: left, right, bottom, top. Fixed, because a layout engine draws everything twice.
_MARGINS: Final = (0.72, 0.16, 0.5, 0.6)
#: Points between axes and title: room for the legend.
_TITLE_PAD: Final = 20
#: Up to this the time axis is in seconds, and up to the other in minutes.
_SECONDS_UP_TO_S: Final = 180.0
_MINUTES_UP_TO_S: Final = 3 * 3600.0
#: Numbers beyond this are not drawn: an axis that holds them would show nothing else.
LARGEST: Final = 1e60
#: Longer names are cut.
_LONGEST_NAME: Final = 48


def blank(height: float = HEIGHT, left: float = _MARGINS[0]) -> "tuple[Figure, Axes]":
    """An empty figure and its axes; `height` and margins in inches."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDTH, height), facecolor="none")
    _, right, bottom, top = _MARGINS
    figure.subplots_adjust(left / WIDTH, bottom / height, 1 - right / WIDTH, 1 - top / height)
    return figure, figure.subplots()


def dress(axes: "Axes", title: str, across: str, up: str) -> None:
    """Gives axes their title, labels and grid."""
    axes.set_facecolor("none")
    axes.set_title(plain(title), loc="left", fontsize=11, color=COLOURS["ink"], pad=_TITLE_PAD)
    axes.set_xlabel(plain(across), color=COLOURS["muted"], fontsize=9)
    axes.set_ylabel(plain(up), color=COLOURS["muted"], fontsize=9)
    axes.tick_params(which="both", colors=COLOURS["muted"], labelsize=9, length=0)
    axes.grid(visible=True, color=COLOURS["rule"], linewidth=0.6)
    axes.set_axisbelow(True)
    for spine in axes.spines.values():
        spine.set_visible(False)


def legend(axes: "Axes") -> None:
    """Names what was drawn with a label, between title and axes, where it hides nothing."""
    count = len(axes.get_legend_handles_labels()[0])
    if count:
        axes.legend(
            loc="lower left",
            bbox_to_anchor=(0.0, 1.0),
            ncols=count,
            frameon=False,
            fontsize=8.5,
            labelcolor=COLOURS["ink"],
            handlelength=1.5,
            borderpad=0.1,
            borderaxespad=0.2,
            columnspacing=1.2,
        )


def note(axes: "Axes", text: str) -> None:
    """Says in the middle of the axes why there is nothing, or what is left out."""
    axes.text(0.5, 0.5, plain(text), transform=axes.transAxes, ha="center", va="center", color=COLOURS["muted"])
    axes.set_xticks([])
    axes.set_yticks([])


def clock(longest_s: float) -> tuple[str, float]:
    """The unit of a time axis, and how many seconds one has.

    >>> clock(90), clock(1800)
    (('seconds', 1.0), ('minutes', 60.0))
    """
    if longest_s <= _SECONDS_UP_TO_S:
        return "seconds", 1.0
    return ("minutes", 60.0) if longest_s <= _MINUTES_UP_TO_S else ("hours", 3600.0)


def numbered(axes: "Axes", which: str = "y") -> None:
    """Writes the numbers of a linear axis short and without an offset that has to be added in the head."""
    from matplotlib.ticker import FuncFormatter

    (axes.yaxis if which == "y" else axes.xaxis).set_major_formatter(FuncFormatter(lambda value, _: short(value)))


def short(value: float) -> str:
    """A number in at most four figures.

    >>> short(1234.0), short(12_340.0), short(2_500_000.0), short(0.25), short(-0.0)
    ('1,234', '12.34k', '2.5M', '0.25', '0')
    """
    size = abs(value)
    if 1e3 <= size < 1e4:
        return f"{value:,.0f}"
    for least, scale, letter in ((1e9, 1e9, "G"), (1e6, 1e6, "M"), (1e4, 1e3, "k")):
        if least <= size < 1e12:
            return f"{value / scale:.4g}{letter}"
    return f"{value + 0.0:.4g}"


def drawable(value: float | None) -> float:
    """The value, or NaN, which leaves a gap, where it cannot be drawn."""
    return float(value) if value is not None and math.isfinite(value) and abs(value) <= LARGEST else math.nan


def plain(text: str) -> str:
    r"""Text as it is drawn: never as a formula, without control characters, and cut where it is long.

    >>> plain("costs $5 and $6\n")
    'costs \\$5 and \\$6\ufffd'
    """
    seen = "".join(char if char.isprintable() else "\ufffd" for char in text)
    cut = seen if len(seen) <= 2 * _LONGEST_NAME else f"{seen[: 2 * _LONGEST_NAME - 1]}…"
    return cut.replace("$", r"\$")


def name(metric: str) -> str:
    """A metric's name as a title shows it: cut where it is long."""
    return metric if len(metric) <= _LONGEST_NAME else f"{metric[: _LONGEST_NAME - 1]}…"


def tell(figure: "Figure", words: str) -> "Figure":
    """The figure, with what it shows in words for those who do not see it (its label)."""
    figure.set_label(words)
    return figure
