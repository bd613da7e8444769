"""Figures as parts of a page: SVG in the page's own colours."""

import io
import re
import warnings
from typing import TYPE_CHECKING

from markupsafe import Markup, escape

from canary.figures import COLOURS

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def drawn(figure: "Figure", number: int) -> Markup:
    """The figure as an SVG element with its label as alternative text.

    Args:
        figure: one of `canary.figures`.
        number: its number on the page, which keeps ids of several figures apart.
    """
    from matplotlib import rc_context

    text = io.StringIO()
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": "canary"}), warnings.catch_warnings():
        # The browser's fonts have what the font that text is measured with lacks.
        warnings.filterwarnings("ignore", message="Glyph")
        figure.savefig(text, format="svg", transparent=True, metadata={"Date": None})
    svg = text.getvalue()
    svg = re.sub(r"<metadata>.*?</metadata>|<!--.*?-->", "", svg[svg.index("<svg") :], flags=re.DOTALL)
    svg = re.sub(r'( id="|url\(#|xlink:href="#)', rf"\g<1>f{number}-", svg)
    for name, colour in COLOURS.items():
        svg = svg.replace(colour, f"var(--{name})")
    words = escape(str(figure.get_label()))
    return Markup(svg.replace("<svg ", f'<svg role="img" aria-label="{words}" ', 1))
