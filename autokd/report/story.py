"""What the report says in words: the result in a sentence, and how to read the numbers.

Plain text; the page escapes it.
"""

from collections.abc import Iterator, Mapping, Sequence
from math import isclose, isfinite
from typing import Any

from autokd.report.bounds import n_below, why_no_front
from autokd.report.gathered import POINT_LIMIT, STATES, Gathered
from autokd.report.origins import origins_told, tried_first
from autokd.report.rounding import exact, short, times

__all__ = ["NEAR", "conditions", "counts", "headline", "notes"]

NEAR = 0.01
"""How far below the teacher's validation top1 a student may be to count as near it."""

_TOLD = {"n_workers": "workers"}
_INFO = ("device", "hardware", "n_workers", "started", "ended", "versions")


def headline(runs: Sequence[Gathered]) -> str:
    """Tell the result in a sentence or two.

    Args:
        runs: The runs, at least one.

    Returns:
        For one run: the size of the front, and the smallest student near the teacher with its
        ratio of size; with a single objective the best student. For several: which one has the
        largest hypervolume, or with a single objective the best value; all of them where several
        have it.
    """
    if len(runs) > 1:
        return _comparison(runs)
    run = runs[0]
    if run.front.empty:
        return f"The front is empty: {why_no_front(run)}."
    if run.is_single:
        return f"{_best(run)} {_teacher(run)}"
    return f"{_size_of_front(run)} {_near_teacher(run)} {_teacher(run)}"


def counts(run: Gathered) -> str:
    """Count the trials by state.

    Args:
        run: The run.

    Returns:
        ``60 trials: 31 complete (4 below min_top1), 27 stopped, 2 failed``; states without a trial
        are left out.
    """
    found = run.trials["state"].value_counts()
    below = {"complete": f" ({len(run.below):,} below min_top1)"} if len(run.below) else {}
    states = [
        f"{found[state]:,} {state}{below.get(state, '')}" for state in STATES if state in found
    ]
    noun = "trial" if len(run.trials) == 1 else "trials"
    return f"{len(run.trials):,} {noun}" + (f": {', '.join(states)}" if states else "")


def conditions(run: Gathered) -> list[tuple[str, str]]:
    """List under which conditions the numbers were found.

    Args:
        run: The run.

    Returns:
        Name and value. The storage is left out: its address may hold a password.
    """
    spec = run.spec
    rungs = ", ".join(str(rung) for rung in spec.fidelity.ladder.rungs)
    found = [
        ("data", spec.data.source),
        ("search space", spec.search_space.title),
        ("objectives", ", ".join(f"{axis.metric} ({axis.direction})" for axis in run.axes)),
        *([("bounds", str(spec.constraints))] if str(spec.constraints) else []),
        ("sampler", spec.sampler.name),
        *([("tried first", tried_first(run))] if tried_first(run) else []),
        ("rungs", f"{rungs} epochs"),
        ("students per trial", str(spec.family_size)),
        ("seed", str(spec.seed)),
    ]
    told = [(name, run.info.get(name)) for name in _INFO]
    return found + [
        (_TOLD.get(name, name), _flat(said)) for name, said in told if said is not None
    ]


def notes(runs: Sequence[Gathered]) -> list[str]:
    """List what a reader must know before believing the numbers.

    Args:
        runs: The runs, at least one.

    Returns:
        Sentences.
    """
    said = [_optimism(runs)]
    for run in runs:
        prefix = "" if len(runs) == 1 else f"{run.label}: "
        said += [prefix + note for note in _run_notes(run, POINT_LIMIT // len(runs))]
    if not _share_axes(runs):
        said.append(
            "The runs have different objectives or reference points, so their hypervolumes cannot "
            f"be compared; the axes of the front are those of {runs[0].label}."
        )
    said += _left_out(runs)
    if len({str(run.teacher.get("digest", run.label)) for run in runs}) > 1:
        said.append("The runs have different teachers.")
    return said


def _optimism(runs: Sequence[Gathered]) -> str:
    note = (
        "Search, race and front use validation images only. The best of many trials on validation "
        "is optimistic: part of its lead is luck."
    )
    if all(run.front["test_top1"].isna().all() for run in runs):
        return f"{note} The test set has not been measured yet."
    return f"{note} The test set was measured once, after the search, for the front."


def _run_notes(run: Gathered, limit: int) -> Iterator[str]:
    teacher, behind = run.teacher, run.behind()
    if teacher["saw_validation"]:
        yield (
            "The teacher was trained on the images that validation is cut from "
            "(teacher.saw_validation), so its validation top1 of "
            f"{exact('top1', teacher['top1'])} is too high; on test it has "
            f"{exact('top1', teacher['test_top1'])}."
        )
    if len(behind) > limit:
        yield (
            f"{len(behind):,} trials lie behind the front; a figure draws {limit:,} of them at "
            "most, spread evenly over the search. The front itself is drawn whole."
        )
    if (behind["state"] == "stopped").any():
        yield "A stopped trial has the score of the rung at which it was stopped."
    if run.spec.family_size > 1:
        yield (
            f"Each trial trained {run.spec.family_size} students of one family: metrics are their "
            "mean, ± is their standard deviation, and test top1 and drawings are those of the "
            "first of them."
        )
    yield from origins_told(run)
    if run.spec.constraints.min_top1 is not None:
        yield f"{n_below(run)}. They are no members of the front and add no hypervolume."
    if not run.is_single and {axis.metric for axis in run.axes} != {run.size, run.quality}:
        yield (
            f"The study has {len(run.axes)} objectives: "
            f"{', '.join(axis.metric for axis in run.axes)}. The figure shows {run.quality} over "
            f"{run.size}, so a student of the front may look dominated there."
        )


def _left_out(runs: Sequence[Gathered]) -> Iterator[str]:
    """Name the runs that have a result and no place in the figure of the front."""
    size, quality = runs[0].size, runs[0].quality
    for run in runs:
        has_finished = len(run.front) or len(run.below)
        if has_finished and not run.has_finished_with(size, quality):
            yield (
                f"{run.label}: no trial that finished has both {quality} and {size}, so the "
                "figure of the front is without this run."
            )


def _comparison(runs: Sequence[Gathered]) -> str:
    known = [run for run in runs if len(run.hypervolume)]
    if not known or not _share_axes(runs):
        return f"{len(runs)} runs laid over each other."
    if runs[0].is_single:
        return _best_of(runs)
    volumes = {run.label: float(run.hypervolume["hypervolume"].iloc[-1]) for run in known}
    best = max(volumes.values())
    if best == 0:
        return (
            f"Of {len(runs)} runs none has a hypervolume: no student on a front is better than "
            "the reference point in every objective."
        )
    whose, each = _whose(volumes, best)
    return f"Of {len(runs)} runs, {whose} the largest hypervolume, {best:.4g}{each}."


def _best_of(runs: Sequence[Gathered]) -> str:
    axis = runs[0].axes[0]
    found = {run.label: float(run.front[axis.metric].iloc[0]) for run in runs if len(run.front)}
    if not found:
        return f"{len(runs)} runs without a front."
    best = (min if axis.direction == "minimize" else max)(found.values())
    whose, each = _whose(found, best)
    student = "students" if each else "student"
    value = exact(axis.metric, best)
    return f"Of {len(runs)} runs, {whose} the best {student} by {axis.metric}, {value}{each}."


def _whose(found: Mapping[str, float], best: float) -> tuple[str, str]:
    """Say who has the best value, and ``each`` where several have it."""
    # One set of students can have hypervolumes that differ in the last digits, by its order.
    *others, last = (label for label, value in found.items() if isclose(value, best))
    return (f"{', '.join(others)} and {last} have", " each") if others else (f"{last} has", "")


def _share_axes(runs: Sequence[Gathered]) -> bool:
    return len({frozenset(run.axes) for run in runs}) == 1  # in whatever order


def _size_of_front(run: Gathered) -> str:
    smallest, largest = short(run.front["params"].min()), short(run.front["params"].max())
    if len(run.front) == 1:
        return f"A front of 1 student with {smallest} params."
    return f"A front of {len(run.front)} students from {smallest} to {largest} params."


def _best(run: Gathered) -> str:
    metric, bounds = run.axes[0].metric, str(run.spec.constraints)
    student = _student(run.front[run.front["trial"] == run.knee].to_dict("records")[0])
    by = "" if metric == "top1" else f" by {metric}"
    within = f" within {bounds}" if bounds else ""
    return f"The best student{by}{within} is {student}."


def _near_teacher(run: Gathered) -> str:
    students = run.front.to_dict("records")
    near = [row for row in students if row["top1"] >= run.teacher["top1"] - NEAR]
    if not near:
        best = _student(max(students, key=lambda row: row["top1"]))
        return (
            f"None is within 1 percentage point of the teacher on validation; the best is {best}."
        )
    smallest = min(near, key=lambda row: row["params"])
    ratio = run.teacher["params"] / smallest["params"]
    gain = f": {times(ratio)} smaller" if isfinite(ratio) else ""
    return (
        "The smallest within 1 percentage point of the teacher on validation is "
        f"{_student(smallest)}{gain}."
    )


def _student(row: Mapping[Any, Any]) -> str:
    facts = f"top1 {exact('top1', row['top1'])}, test {exact('top1', row['test_top1'])}"
    return f"trial {row['trial']} with {short(row['params'])} params ({facts})"


def _teacher(run: Gathered) -> str:
    teacher = run.teacher
    top1, test = exact("top1", teacher["top1"]), exact("top1", teacher["test_top1"])
    params = float(teacher["params"])
    size = f"{short(params)} params" if isfinite(params) else "an unknown size"
    return f"The teacher, {teacher['name']}, has {size} (top1 {top1}, test {test})."


def _flat(found: object) -> str:
    if isinstance(found, Mapping):
        return ", ".join(f"{key} {_flat(value)}" for key, value in found.items())
    if isinstance(found, list | tuple):
        return ", ".join(_flat(item) for item in found)
    return str(found)
