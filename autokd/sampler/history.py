"""What the trials of a study have shown, rung by rung, as the sampler reads it.

Optuna takes no intermediate values where a study has several objectives, and throws away what a
stopped trial showed. So they are noted in the trial's attributes by `note_rung`; with a single
objective Optuna's own `Trial.report` does as well: its step n is the rung n + 1.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import optuna
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, Trial, TrialState

from autokd.pareto.arrays import Floats
from autokd.sampler.preview import Preview

__all__ = [
    "PREVIEW",
    "RUNGS",
    "Seen",
    "note_preview",
    "note_rung",
    "preview_attribute",
    "read_history",
]

RUNGS = "autokd_rungs"
"""Attribute of a trial: its objectives' values by rung, ``{"9": [0.41, 5.2]}``."""

PREVIEW = "autokd_preview"
"""Attribute of a trial: what was known of it before it was tried."""

_MOST_RUNGS = 5


@dataclass(slots=True)
class Seen:
    """One trial, as far as a model can learn from it.

    Attributes:
        params: Values by name.
        state: Optuna's.
        results: Values to minimise by rung, each ``(objectives,)``, +inf where Optuna has one.
        is_complete: Whether the highest of the results is the trial's final one.
        violations: Optuna's constraints by name; infeasible where one is above 0.
        key: What the preview called the trial, if there was one.
        features: What the preview measured, if there was one.
        known: Objectives that the preview knew, to minimise, by index.
    """

    params: Mapping[str, Any]
    state: TrialState
    results: dict[float, Floats]
    is_complete: bool = False
    violations: dict[str, float] = field(default_factory=dict)
    key: str | None = None
    features: tuple[float, ...] = ()
    known: dict[int, float] = field(default_factory=dict)

    @property
    def teaches(self) -> bool:
        """Whether there is anything to learn from the trial, or to expect of it."""
        is_over = self.state == TrialState.PRUNED
        return not is_over or bool(self.results or self.violations)

    @property
    def is_feasible(self) -> bool:
        """Whether no constraint is violated."""
        return all(violation <= 0 for violation in self.violations.values())


def note_rung(trial: Trial, rung: float, values: Sequence[float]) -> None:
    """Note what a running trial shows at a rung; any number of objectives.

    Args:
        trial: Optuna's trial.
        rung: Fidelity, > 0: epochs, images, anything of which more is better.
        values: The objectives in the study's directions, finite.

    Raises:
        ValueError: If the rung is not above 0, or there is not one value for each objective.
    """
    n_objectives = len(trial.study.directions)
    if not rung > 0:
        raise ValueError(f"a rung is above 0, found {rung}")
    if len(values) != n_objectives:
        raise ValueError(f"the study has {n_objectives} objectives, found {len(values)} values")
    noted = trial.user_attrs.get(RUNGS, {})
    trial.set_user_attr(RUNGS, {**noted, str(rung): [float(value) for value in values]})


def note_preview(trial: Trial, preview: Preview) -> None:
    """Note what is known of a trial before it is tried.

    Args:
        trial: Optuna's trial.
        preview: What is known.
    """
    trial.set_user_attr(PREVIEW, preview_attribute(preview))


def preview_attribute(preview: Preview) -> dict[str, Any]:
    """Write a preview as a trial's attribute holds it.

    Args:
        preview: The preview.

    Returns:
        JSON types.
    """
    return {
        "key": preview.key,
        "known": {str(index): value for index, value in preview.known.items()},
        "point": dict(preview.point),
        "features": list(preview.features),
    }


def read_history(study: optuna.Study, trials: Sequence[FrozenTrial]) -> tuple[list[Seen], float]:
    """Read trials.

    Args:
        study: Their study.
        trials: Some of its trials.

    Returns:
        What they have shown, in the same order, and the top rung: the highest that any trial
        reached, 1.0 where nobody noted one. A complete trial has its final values there. Of more
        than five rungs below it five stay, spread evenly.
    """
    signs = np.array([1.0 if d == StudyDirection.MINIMIZE else -1.0 for d in study.directions])
    noted = [_noted(trial, len(signs)) for trial in trials]
    found = sorted({rung for rungs in noted for rung in rungs})
    top = found[-1] if found else 1.0
    kept = _spread(found[:-1]) | {top}
    seen = []
    for trial, rungs in zip(trials, noted, strict=True):
        results = {rung: signs * rungs[rung] for rung in sorted(rungs) if rung in kept}
        is_complete = trial.state == TrialState.COMPLETE
        if is_complete:
            results[top] = signs * np.array(trial.values, dtype=float)
        preview = trial.user_attrs.get(PREVIEW, {})
        seen.append(
            Seen(
                {**trial.params, **preview.get("point", {})},
                trial.state,
                results,
                is_complete,
                dict(trial.constraints),
                preview.get("key"),
                tuple(preview.get("features", ())),
                {int(i): signs[int(i)] * v for i, v in preview.get("known", {}).items()},
            )
        )
    return seen, top


def _noted(trial: FrozenTrial, n_objectives: int) -> dict[float, Floats]:
    rungs = {float(r): np.array(v) for r, v in trial.user_attrs.get(RUNGS, {}).items()}
    if n_objectives == 1 and not rungs:
        reported = trial.intermediate_values.items()  # whose steps most often begin with 0
        rungs = {step + 1.0: np.array([value]) for step, value in reported}
    return {rung: v for rung, v in rungs.items() if np.isfinite(v).all()}


def _spread(rungs: Sequence[float]) -> set[float]:
    if len(rungs) <= _MOST_RUNGS:
        return set(rungs)
    places = np.linspace(0, len(rungs) - 1, _MOST_RUNGS).round().astype(int)
    return {rungs[place] for place in places}
