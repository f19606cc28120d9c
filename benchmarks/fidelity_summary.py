"""What the trainings of `fidelity` say together, and its table.

A rung's score is compared with two full-budget scores: the *yardstick*, which is the same for all
candidates (long trainings from other weights), and the candidate's own score at the top rung. The
second flatters a candidate whose scores repeat each other, errors included; the first does not.
``tau_near`` counts only pairs of which neither student has twice the other's params: what size
alone foretells is no merit of a schedule, and a race that weighs size compares likes.
``tau_renormed`` is that of the same weights with batch norms worked out anew, ``renormed`` what a
race would have of that at the rungs where it decides, the seconds for it included, compared with
`restart` as it is.

A race spends a rung's seconds on the share of trials that get there, one in eta for each rung
below. ``trial_cpu_s`` is what a trial costs on average so, and ``tau_per_cpu_s`` the mean tau with
the yardstick at the rungs where the race decides, those below the top, over these seconds. They
are seconds of a process of one thread, wall time on a quiet machine and steadier on a busy one.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from describing import rounded
from fidelity_cases import CANDIDATES, NORMS, YARDSTICK
from fidelity_ranking import Draws, Floats, interval
from fidelity_trainings import Key

Units = Mapping[Key, Mapping[str, Any]]
_BASELINE, _AVERAGES = "restart", "average"


def summarise(units: Units, sizes: Mapping[int, int], *, eta: int) -> dict[str, Any]:
    """Summarise the students of which every training is done; too few give an empty summary.

    Args:
        units: The trainings.
        sizes: Params of each student.
        eta: One trial in eta goes on at a rung.
    """
    done = {key: unit["rungs"] for key, unit in units.items() if "rungs" in unit}
    students = [student for student in sizes if _is_whole(student, done)]
    if len(students) < 3:
        return {}
    draws = Draws(len(students), sizes=[sizes[student] for student in students])
    yardsticks = _yardsticks(students, done)
    reference = np.mean(yardsticks, axis=0)
    norms = [units.get(Key(student, NORMS), {}).get("norms") for student in students]
    norms_cpu_s = None if None in norms else draws.mean([found["cpu_s"] for found in norms])
    measured = {
        name: _Measured(
            name,
            students,
            done,
            reference=reference,
            draws=draws,
            eta=eta,
            norms_cpu_s=norms_cpu_s,
        )
        for name in CANDIDATES
    }
    return {
        "n_students": len(students),
        "n_failed": len({key.student for key, unit in units.items() if "failed" in unit}),
        "yardstick": {
            "n_seeds": len(yardsticks),
            "top1": interval(draws.mean(reference)),
            "tau_between_seeds": interval(draws.tau(yardsticks[0], yardsticks[1]))
            if len(yardsticks) > 1
            else None,
        },
        "candidates": {name: each.summary(measured[_BASELINE]) for name, each in measured.items()},
    }


class _Measured:
    """One candidate over all students."""

    def __init__(
        self,
        name: str,
        students: Sequence[int],
        done: Mapping[Key, Mapping[str, Mapping[str, float]]],
        *,
        reference: Floats,
        draws: Draws,
        eta: int,
        norms_cpu_s: Floats | None,
    ) -> None:
        trained = [done[Key(student, name)] for student in students]
        self.rungs = list(trained[0])
        self._figures = {
            figure: {
                rung: np.array([each[rung][figure] for each in trained]) for rung in self.rungs
            }
            for figure in ("top1", "seconds", "cpu_s", "paid_epochs")
        }
        top1 = self._figures["top1"]
        self._draws = draws
        self.tau = {rung: draws.tau(top1[rung], reference) for rung in self.rungs}
        self._tau_near = {
            rung: draws.tau(top1[rung], reference, pairs=draws.near) for rung in self.rungs
        }
        self._tau_own = {rung: draws.tau(top1[rung], top1[self.rungs[-1]]) for rung in self.rungs}
        renormed = {
            rung: [each[rung]["top1_renormed"] for each in trained] for rung in self.rungs[:-1]
        }
        self._tau_renormed = {
            rung: draws.tau(scores, reference) for rung, scores in renormed.items()
        }
        self._near_renormed = {
            rung: draws.tau(scores, reference, pairs=draws.near)
            for rung, scores in renormed.items()
        }
        self.top1 = draws.mean(top1[self.rungs[-1]])
        self.tau_of_race = np.mean([self.tau[rung] for rung in self.rungs[:-1]], axis=0)
        self.tau_near_of_race = np.mean([self._tau_near[r] for r in self.rungs[:-1]], axis=0)
        self.trial_cpu_s = self._trial("cpu_s", eta)
        self.tau_per_cpu_s = self.tau_of_race / self.trial_cpu_s
        self._trial_s = self._trial("seconds", eta)
        self._renormed_cpu_s = None
        if norms_cpu_s is not None:
            # Who averages has paid for fresh norms already.
            n_paid = sum(eta**-i for i in range(len(renormed))) if name != _AVERAGES else 0
            self._renormed_cpu_s = self.trial_cpu_s + n_paid * norms_cpu_s

    def summary(self, baseline: "_Measured") -> dict[str, Any]:
        """Describe it, and what it has over the baseline."""
        found: dict[str, Any] = {
            "rungs": {rung: self._rung(rung, baseline) for rung in self.rungs},
            "top1": interval(self.top1),
            "trial_s": interval(self._trial_s),
            "trial_cpu_s": interval(self.trial_cpu_s),
            "tau_of_race": interval(self.tau_of_race),
            "tau_per_cpu_s": interval(self.tau_per_cpu_s),
        }
        if self is not baseline:
            found["top1_over_restart"] = interval(self.top1 - baseline.top1)
            found["tau_of_race_over_restart"] = interval(self.tau_of_race - baseline.tau_of_race)
            found["tau_per_cpu_s_times_restart"] = interval(
                self.tau_per_cpu_s / baseline.tau_per_cpu_s
            )
        if self._renormed_cpu_s is not None:
            found["renormed"] = self._renormed(baseline, self._renormed_cpu_s)
        return found

    def _renormed(self, baseline: "_Measured", trial_cpu_s: Floats) -> dict[str, Any]:
        tau = np.mean(list(self._tau_renormed.values()), axis=0)
        near = np.mean(list(self._near_renormed.values()), axis=0)
        return {
            "tau_near": {rung: interval(found) for rung, found in self._near_renormed.items()},
            "trial_cpu_s": interval(trial_cpu_s),
            "tau_of_race": interval(tau),
            "tau_of_race_over_restart": interval(tau - baseline.tau_of_race),
            "tau_near_of_race_over_restart": interval(near - baseline.tau_near_of_race),
            "tau_per_cpu_s_times_restart": interval(tau / trial_cpu_s / baseline.tau_per_cpu_s),
        }

    def _rung(self, rung: str, baseline: "_Measured") -> dict[str, Any]:
        means = {
            figure: rounded(float(each[rung].mean())) for figure, each in self._figures.items()
        }
        found = {
            **means,
            "tau": interval(self.tau[rung]),
            "tau_near": interval(self._tau_near[rung]),
            "tau_own": interval(self._tau_own[rung]),
        }
        if rung in self._tau_renormed:
            found["tau_renormed"] = interval(self._tau_renormed[rung])
        if self is not baseline:
            found["tau_over_restart"] = interval(self.tau[rung] - baseline.tau[rung])
        return found

    def _trial(self, figure: str, eta: int) -> Floats:
        below, total = np.zeros(1), np.zeros(1)
        for number, rung in enumerate(self.rungs):
            reached = self._draws.mean(self._figures[figure][rung])
            below, total = reached, total + (reached - below) / eta**number
        return total


def table(summary: Mapping[str, Any]) -> list[str]:
    """Write a line for each candidate."""
    if not summary:
        return ["too few students are done for a table"]
    rungs = list(summary["candidates"][_BASELINE]["rungs"])
    head = [
        "schedule",
        *(f"tau at {rung}" for rung in rungs),
        *(f"of like size at {rung}" for rung in rungs[:-1]),
        f"own tau at {', '.join(rungs[:-1])}",
        f"renormed at {', '.join(rungs[:-1])}",
        "epochs paid",
        "CPU seconds",
        f"top1 at {rungs[-1]}, %",
        "a raced trial, s",
        "tau per s over restart's",
    ]
    rows = [_row(name, found) for name, found in summary["candidates"].items()]
    return [*_headed(head, rows), "", *_renormed_table(summary), _footnote(summary)]


def _renormed_table(summary: Mapping[str, Any]) -> list[str]:
    candidates = summary["candidates"]
    if any("renormed" not in found for found in candidates.values()):
        return []
    rungs = list(candidates[_BASELINE]["rungs"])[:-1]
    head = [
        "schedule, norms worked out anew",
        *(f"tau at {rung}" for rung in rungs),
        *(f"of like size at {rung}" for rung in rungs),
        "a raced trial, s",
        "tau less restart's",
        "of like size",
        "tau per s over restart's",
    ]
    rows = [_renormed_row(name, candidate, rungs) for name, candidate in candidates.items()]
    return [*_headed(head, rows), ""]


def _renormed_row(name: str, candidate: Mapping[str, Any], rungs: Sequence[str]) -> list[str]:
    found = candidate["renormed"]
    return [
        f"`{name}`",
        *(_shown(candidate["rungs"][rung]["tau_renormed"]) for rung in rungs),
        *(_shown(found["tau_near"][rung]) for rung in rungs),
        f"{found['trial_cpu_s']['value']:.1f}",
        _shown(found["tau_of_race_over_restart"]),
        _shown(found["tau_near_of_race_over_restart"]),
        _shown(found["tau_per_cpu_s_times_restart"]),
    ]


def _row(name: str, found: Mapping[str, Any]) -> list[str]:
    rungs = found["rungs"].values()
    over = found.get("top1_over_restart")
    ratio = found.get("tau_per_cpu_s_times_restart")
    return [
        f"`{name}`",
        *(_shown(rung["tau"]) for rung in rungs),
        *(_shown(rung["tau_near"]) for rung in list(rungs)[:-1]),
        ", ".join(_number(rung["tau_own"]["value"]) for rung in list(rungs)[:-1]),
        ", ".join(_number(rung["tau_renormed"]["value"]) for rung in list(rungs)[:-1]),
        ", ".join(f"{rung['paid_epochs']:g}" for rung in rungs),
        ", ".join(f"{rung['cpu_s']:.1f}" for rung in rungs),
        f"{100 * found['top1']['value']:.2f}" + (f", {_shown(over, 100)}" if over else ""),
        f"{found['trial_cpu_s']['value']:.1f}",
        _shown(ratio) if ratio else "1",
    ]


def _footnote(summary: Mapping[str, Any]) -> str:
    yardstick = summary["yardstick"]
    between = yardstick["tau_between_seeds"]
    return (
        f"{summary['n_students']} students ({summary['n_failed']} failed), in brackets 95 % over "
        f"students; yardstick of {yardstick['n_seeds']} seeds, top1 "
        f"{100 * yardstick['top1']['value']:.2f} %"
        + (f", tau between its seeds {_shown(between)}" if between else "")
    )


def _shown(found: Mapping[str, float | None], factor: float = 1.0) -> str:
    value, low, high = (_number(found[name], factor) for name in ("value", "low", "high"))
    return f"{value} ({low} to {high})"


def _number(value: float | None, factor: float = 1.0) -> str:
    return "none" if value is None else f"{factor * value:.2f}"


def _is_whole(student: int, done: Mapping[Key, Any]) -> bool:
    names = (*CANDIDATES, f"{YARDSTICK}-0")
    return all(Key(student, name) in done for name in names)


def _yardsticks(students: Sequence[int], done: Mapping[Key, Any]) -> list[list[float]]:
    """Give the yardstick's top1 of each student, for every seed that all of them have."""
    found: list[list[float]] = []
    while all(Key(student, f"{YARDSTICK}-{len(found)}") in done for student in students):
        keys = [Key(student, f"{YARDSTICK}-{len(found)}") for student in students]
        # One rung alone.
        found.append([next(iter(done[key].values()))["top1"] for key in keys])
    return found


def _headed(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    return [_line(fields) for fields in (head, ["---", *["---:"] * (len(head) - 1)], *rows)]


def _line(fields: Sequence[str]) -> str:
    return f"| {' | '.join(fields)} |"
