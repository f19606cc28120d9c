"""The families that the report shows, as rows and as a table: the most robust first."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from autokd.pages.table import Table
from autokd.pareto import minimised, ranks
from autokd.report.gathered import Gathered
from autokd.report.method_tables import finished
from autokd.report.origins import searched
from autokd.report.rounding import exact
from autokd.report.spreads import Steadiness, steadiness

__all__ = ["OTHERS", "family_cells", "family_rows", "family_table"]

OTHERS = 10
"""Families behind the front that are shown at most, the nearest to it first."""


def family_rows(run: Gathered) -> tuple[pd.DataFrame, Steadiness | None]:
    """Select the families to show.

    Args:
        run: The run.

    Returns:
        Rows of the front and of up to `OTHERS` behind it, with ``is_front``; where families could
        be compared also ``expected`` and ``ratio``, the least ratio first, and ``verdict`` where
        they differ by more than chance; else the smallest spread first, of equal ones the best.
        And what all finished families show together, None where they could not be compared.
    """
    spread = f"{run.quality}_std"
    complete = searched(run, finished(run))  # chains are no families
    known = complete[complete[spread].notna()] if spread in complete else complete.iloc[:0]
    rows = known.assign(is_front=known["trial"].isin(run.front["trial"]))
    if rows.empty:
        return rows, None
    found = steadiness(
        rows[spread].to_numpy(float),
        rows["params"].to_numpy(float),
        n_members=run.spec.family_size,
    )
    if found is not None:
        rows = rows.assign(expected=found.expected, ratio=found.ratio)
    if found is not None and found.is_told:
        rows = rows.assign(verdict=_verdicts(found))
    shown = rows[rows["is_front"] | rows["trial"].isin(_nearest(run, rows))]
    order = ["ratio" if found else spread, run.quality]
    return shown.sort_values(order, ascending=[True, not run.is_higher_better]), found


def family_table(run: Gathered, rows: pd.DataFrame) -> Table:
    """Tabulate families.

    Args:
        run: The run.
        rows: What `family_rows` gave, at least one.

    Returns:
        A row a family, those of the front marked.
    """
    cells = [family_cells(run, row) for row in rows.to_dict("records")]
    marked = np.flatnonzero(rows["is_front"]).tolist()
    return Table(
        tuple(cells[0]), tuple(tuple(row.values()) for row in cells), marked=frozenset(marked)
    )


def family_cells(run: Gathered, row: Mapping[Any, Any]) -> dict[str, str]:
    """Write one family.

    Args:
        run: The run.
        row: Its row.

    Returns:
        Texts by heading.
    """
    params, quality = exact("params", row["params"]), exact(run.quality, row[run.quality])
    if "params_std" in row:  # not in records of earlier versions
        params += f" ± {exact('params', row['params_std'])}"
    cells = {
        "trial": str(row["trial"]),
        "params": params,
        run.quality: f"{quality} ± {exact(run.quality, row[f'{run.quality}_std'])}",
    }
    if "ratio" in row:
        cells["expected ±"] = exact(run.quality, row["expected"])
        cells["of usual"] = f"{row['ratio']:.0%}"
    if "verdict" in row:
        cells["verdict"] = row["verdict"]
    return cells


def _verdicts(found: Steadiness) -> list[str]:
    pairs = zip(found.is_robust, found.is_uneven, strict=True)
    return ["robust" if robust else "uneven" if uneven else "as usual" for robust, uneven in pairs]


def _nearest(run: Gathered, rows: pd.DataFrame) -> "pd.Series[int]":
    """Select behind the front by Pareto rank, of one rank those of better quality first."""
    behind = rows[~rows["is_front"] & ~rows["trial"].isin(run.below["trial"])]
    values = behind[[axis.metric for axis in run.axes]].to_numpy(float)
    ranked = behind.assign(rank=ranks(minimised(values, run.axes)))
    order = ranked.sort_values(["rank", run.quality], ascending=[True, not run.is_higher_better])
    return order["trial"].head(OTHERS)
