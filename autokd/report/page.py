"""Which parts the report has, and in which order.

One screen tells the story: the result in a sentence, the front as a figure, the front as a table.
What follows answers what distillation did to the students, which families are robust, how the
search got there and what they look like.
"""

from collections.abc import Sequence

import autokd
from autokd.pages.html import Section, document
from autokd.report import panels
from autokd.report.distilled import TITLE, distilled
from autokd.report.families import TITLE as FAMILIES
from autokd.report.families import families
from autokd.report.gathered import Gathered
from autokd.report.story import counts, headline

__all__ = ["page"]


def page(runs: Sequence[Gathered]) -> str:
    """Write the report.

    Args:
        runs: The runs, at least one.

    Returns:
        A whole HTML document.
    """
    title = runs[0].spec.title
    is_alone = len(runs) == 1
    return document(
        title=title if is_alone else f"{title}: {len(runs)} runs",
        lead=headline(runs),
        counts=" · ".join(f"{run.label}: {counts(run)}" for run in runs),
        sections=[
            _story(runs),
            *([Section(TITLE, distilled(runs[0])), *_families(runs[0])] if is_alone else []),
            Section("How the search went", panels.hypervolume(runs)),
            *(_details(run, n_runs=len(runs)) for run in runs),
            Section("", (panels.remarks(runs),)),
        ],
        footer=f"autokd {autokd.__version__}",
    )


def _story(runs: Sequence[Gathered]) -> Section:
    is_alone = len(runs) == 1
    table = panels.students(runs[0], width=5) if is_alone else panels.comparison(runs)
    return Section("", (panels.front(runs), table))


def _families(run: Gathered) -> list[Section]:
    shown = families(run)
    return [Section(FAMILIES, shown)] if shown else []


def _details(run: Gathered, *, n_runs: int) -> Section:
    below = (
        panels.curves(run),
        panels.importance(run),
        panels.parallel(run),
        panels.drawings(run, n_runs=n_runs),
        panels.rungs(run),
        panels.conditions(run),
    )
    if n_runs == 1:
        return Section("", below)
    return Section(
        run.label, (panels.students(run, width=12), *distilled(run), *families(run), *below)
    )
