"""Pages of which some parts are generated: what stands between two markers is replaced."""

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path

Parts = Mapping[str, Sequence[str]]
"""Lines of each part by name."""


def write_or_check(pages: Mapping[Path, Parts], *, script: Path, title: str) -> int:
    """Write pages, or with ``--check`` say whether they are what would be written.

    Args:
        pages: What is generated, by page.
        script: Who does it.
        title: What it is for, for ``--help``.

    Returns:
        The exit status: 1 if a page is out of date.
    """
    parser = argparse.ArgumentParser(description=title)
    parser.add_argument("--check", action="store_true", help="write nothing")
    options = parser.parse_args()
    is_old = False
    for page, parts in pages.items():
        found = page.read_text(encoding="utf-8")
        wanted = filled(found, parts, name=page.name)
        if not options.check:
            page.write_text(wanted, encoding="utf-8")
        elif found != wanted:
            is_old = True
            print(f"{page.name} is out of date: run python scripts/{script.name}")
    return int(is_old)


def filled(text: str, parts: Parts, *, name: str) -> str:
    """Replace what stands between the markers of each part.

    Args:
        text: The page.
        parts: What is generated.
        name: Of the page, for a message.
    """
    for part, lines in parts.items():
        begin, end = f"<!-- {part}: generated -->\n", f"<!-- {part}: end -->"
        before, _, rest = text.partition(begin)
        _, marker, after = rest.partition(end)
        if not marker:
            raise SystemExit(f"{name} has no part {part!r}")
        text = f"{before}{begin}\n" + "\n".join(lines) + f"\n\n{end}{after}"
    return text


def table_head(titles: Sequence[str]) -> list[str]:
    """Begin a Markdown table: its titles, and the line below them."""
    return [table_row(titles), table_row(["---"] * len(titles))]


def table_row(fields: Sequence[str]) -> str:
    """Write a row of a Markdown table."""
    return f"| {' | '.join(fields)} |"
