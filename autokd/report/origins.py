"""Trials that no sampler proposed: baselines, and students of earlier fronts."""

import pandas as pd

from autokd.parameters import GENERATOR
from autokd.report.gathered import Gathered

__all__ = ["baselines", "origins_told", "searched", "tried_first"]


def baselines(run: Gathered, rows: pd.DataFrame) -> pd.DataFrame:
    """Select the trials whose students another generator drew than the search space's.

    Args:
        run: The run.
        rows: Some of its trials.

    Returns:
        Their rows among the given ones.
    """
    if not {GENERATOR, "origin"} <= {*run.trials}:
        return rows.iloc[:0]
    # Earlier versions named a generator also where the sampler had proposed a baseline again.
    was_first = run.trials["origin"] != ""
    slots = run.trials["trial"][was_first & run.trials[GENERATOR].notna()]
    return rows[rows["trial"].isin(slots)]


def searched(run: Gathered, rows: pd.DataFrame) -> pd.DataFrame:
    """Leave the baselines out, so that what remains differs only in what the study searches.

    Args:
        run: The run.
        rows: Some of its trials.

    Returns:
        The other rows, in their order.
    """
    return rows.drop(baselines(run, rows).index)


def tried_first(run: Gathered) -> str:
    """Count what was tried before the sampler was asked.

    Args:
        run: The run.

    Returns:
        ``3 baselines, 5 students of earlier fronts``; empty where nothing was.
    """
    n_baselines, n_others = _counts(run)
    said = [
        *([_counted(n_baselines, "baseline")] if n_baselines else []),
        *([f"{_counted(n_others, 'student')} of earlier fronts"] if n_others else []),
    ]
    return ", ".join(said)


def origins_told(run: Gathered) -> list[str]:
    """Say what became of what was tried first.

    Args:
        run: The run.

    Returns:
        Sentences; none where nothing was.
    """
    n_baselines, n_others = _counts(run)
    n_kept = len(baselines(run, run.front))
    said = []
    if n_baselines:
        where = f"{n_kept} of them {'is' if n_kept == 1 else 'are'} on the front"
        said.append(
            f"{_counted(n_baselines, 'hand-made baseline')}, named as such in tables and figures, "
            f"came before the search: {where}."
        )
    if n_others:
        said.append(
            f"The search began with {_counted(n_others, 'point')} of earlier runs' fronts; their "
            "students were drawn and trained anew."
        )
    return said


def _counts(run: Gathered) -> tuple[int, int]:
    if "origin" not in run.trials:
        return 0, 0
    n_baselines = len(baselines(run, run.trials))
    return n_baselines, int((run.trials["origin"] != "").sum()) - n_baselines


def _counted(n: int, noun: str) -> str:
    return f"{n:,} {noun}{'' if n == 1 else 's'}"
