"""A table of text, for a terminal and for a page."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape

__all__ = ["Table"]


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of text under headings: plain text, already rounded, escaped when it becomes HTML.

    Attributes:
        headings: One heading a column.
        rows: Cells, as many a row as there are headings.
        marked: Rows to stand out, by position.
        links: Anchor on the page by position of the row; its first cell leads there.
    """

    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    marked: frozenset[int] = frozenset()
    links: Mapping[int, str] = field(default_factory=dict)

    def to_text(self) -> str:
        """Write the table for a terminal.

        Returns:
            Lines with aligned columns, a star before marked rows.
        """
        cells = (self.headings, *self.rows)
        widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
        marks = [" ", *("*" if at in self.marked else " " for at in range(len(self.rows)))]
        return "\n".join(
            "  ".join(
                [mark, *(cell.rjust(width) for cell, width in zip(row, widths, strict=True))]
            )
            for mark, row in zip(marks, cells, strict=True)
        )

    def to_html(self) -> str:
        """Write the table for the page.

        Returns:
            A ``table`` element, every text escaped.
        """
        head = "".join(f'<th scope="col">{escape(heading)}</th>' for heading in self.headings)
        body = "".join(self._html_row(at, row) for at, row in enumerate(self.rows))
        return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"

    def _html_row(self, at: int, row: Sequence[str]) -> str:
        cells = [escape(cell) for cell in row]
        if at in self.links:
            cells[0] = f'<a href="#{escape(self.links[at])}">{cells[0]}</a>'
        kind = ' class="marked"' if at in self.marked else ""
        return f"<tr{kind}>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"
