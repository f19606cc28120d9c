"""One page that needs nothing else: text, styles, scripts and figures in a single file.

Texts are escaped where they enter the page. Figures travel as JSON in script elements of a type
that no browser runs, with every ``<`` written as an escape, so that no text in them can end the
element. By its content security policy the page forbids itself to load anything, and to run a
script other than the two whose hashes it names: it works without a network, and a text that
slipped through would still be no program.
"""

import base64
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from html import escape
from importlib.resources import files
from string import Template
from typing import Literal

import plotly.graph_objects as go
from plotly.offline import get_plotlyjs

from autokd.pages.table import Table

__all__ = ["Panel", "Section", "Width", "document", "said", "scrolled"]

Width = Literal[5, 6, 7, 12]
"""Columns of twelve that a panel takes on a wide screen."""


@dataclass(frozen=True, slots=True)
class Panel:
    """One framed part of the page.

    Attributes:
        title: Heading, plain text.
        body: A figure, or HTML whose texts are escaped already.
        note: A line below the heading, plain text; empty for none.
        width: Columns of twelve on a wide screen.
    """

    title: str
    body: go.Figure | str
    note: str = ""
    width: Width = 12


@dataclass(frozen=True, slots=True)
class Section:
    """Panels under a heading.

    Attributes:
        title: Heading, plain text; empty for none.
        panels: The panels.
    """

    title: str
    panels: tuple[Panel, ...]


def said(sentence: str) -> str:
    """Write a sentence where a panel has nothing else to show.

    Args:
        sentence: Plain text.

    Returns:
        HTML.
    """
    return f'<p class="soft">{escape(sentence)}</p>'


def scrolled(table: Table) -> str:
    """Write a table that scrolls where it does not fit its panel.

    Args:
        table: The table.

    Returns:
        HTML.
    """
    return f'<div class="scroll" tabindex="0">{table.to_html()}</div>'


def document(
    *, title: str, lead: str, counts: str, sections: Iterable[Section], footer: str
) -> str:
    """Write the page.

    Args:
        title: Title, plain text.
        lead: The result in a sentence, plain text.
        counts: A line below it, plain text.
        sections: What follows.
        footer: Last line, plain text.

    Returns:
        A whole HTML document.
    """
    figures: list[str] = []
    body = "\n".join(_section(section, figures) for section in sections)
    programs = (get_plotlyjs(), _resource("page.js"))
    return Template(_resource("page.html")).substitute(
        policy=_policy(programs),
        style=_resource("page.css"),
        title=escape(title),
        lead=escape(lead),
        counts=escape(counts),
        body=body,
        footer=escape(footer),
        scripts="\n".join([*figures, *(f"<script>{program}</script>" for program in programs)]),
    )


def _section(section: Section, figures: list[str]) -> str:
    heading = f"<h2>{escape(section.title)}</h2>" if section.title else ""
    panels = "".join(_panel(panel, figures) for panel in section.panels)
    return f'<section>{heading}<div class="grid">{panels}</div></section>'


def _panel(panel: Panel, figures: list[str]) -> str:
    note = f'<p class="soft">{escape(panel.note)}</p>' if panel.note else ""
    body = panel.body if isinstance(panel.body, str) else _figure(panel.title, panel.body, figures)
    return f'<div class="panel w{panel.width}"><h3>{escape(panel.title)}</h3>{note}{body}</div>'


def _figure(title: str, figure: go.Figure, figures: list[str]) -> str:
    name = f"figure-{len(figures) + 1}"
    figures.append(f'<script type="application/json" id="{name}">{_json(figure)}</script>')
    style = f"height:{figure.layout.height}px"
    return (
        f'<div data-figure="{name}" role="img" aria-label="{escape(title)}" style="{style}"></div>'
    )


def _json(figure: go.Figure) -> str:
    text: str = figure.to_json(validate=False)
    return text.replace("<", "\\u003c")


def _policy(programs: Iterable[str]) -> str:
    # Plotly's WebGL figures compile code of their own (unsafe-eval), and it sets styles in place.
    hashes = " ".join(f"'sha256-{_digest(program)}'" for program in programs)
    allowed = {
        "default-src": "'none'",
        "script-src": f"{hashes} 'unsafe-eval'",
        "style-src": "'unsafe-inline'",
        "img-src": "data: blob:",
    }
    return "; ".join(f"{kind} {sources}" for kind, sources in allowed.items())


def _digest(program: str) -> str:
    return base64.b64encode(hashlib.sha256(program.encode()).digest()).decode()


def _resource(name: str) -> str:
    return files("autokd.pages").joinpath(name).read_text(encoding="utf-8")
