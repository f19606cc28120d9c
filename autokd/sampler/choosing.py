"""Choosing among many candidates the one to try next."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from autokd.pareto.arrays import Floats
from autokd.sampler.guessing import Guess
from autokd.sampler.looking import looked_at
from autokd.sampler.model import Model, Task
from autokd.sampler.pool import Candidates, previewed
from autokd.sampler.preview import Preview, Previewer

__all__ = ["best_of"]


def best_of(
    task: Task,
    units: Floats,
    *,
    preview: Previewer | None,
    tried: Sequence[str],
    n_previews: int | None,
) -> Candidates:
    """Choose a point by its expected improvement.

    Args:
        task: What is known; at least one trial has a result.
        units: Points, ``(points, parameters)``.
        preview: Who knows more of a point; None knows nothing.
        tried: Keys of earlier trials.
        n_previews: Points that are previewed, the most promising ones; None previews all.

    Returns:
        One candidate; none if all were tried or are infeasible.
    """
    n = len(units) if n_previews is None else n_previews
    if preview is None or n >= len(units):
        found, model = previewed(task.encoding, units, preview=preview, tried=tried), None
    else:
        found, model = _looked(task, units, preview=preview, tried=tried, n=n)
    if len(found) < 2:
        return found
    model = model or _model(task, found.previews[0])
    return found.only(int(np.argmax(model.improvement(found))))


def _looked(
    task: Task, units: Floats, *, preview: Previewer, tried: Sequence[str], n: int
) -> tuple[Candidates, Model | None]:
    """Look at the most promising points; a model that can tell them apart may come with them."""
    guess = Guess.of(task.encoding, task.trials, task.signs)
    rough = guess.candidates(units) if guess else Candidates.unseen(units)
    model = _model(task, rough.previews[0])
    found = looked_at(
        task.encoding,
        units,
        model.improvement(rough),
        trained=task.encoding.units([t.params for t in task.trials if t.results]),
        preview=preview,
        tried=tried,
        n=n,
    )
    return found, model if guess else None


def _model(task: Task, told: Preview) -> Model:
    """Fit the model for candidates of which their previews tell as much as this one."""
    without = [trial for trial in task.trials if not trial.features]
    featured = replace(
        task,
        trials=[trial for trial in task.trials if trial.features],
        others=[*task.others, *without],
    )
    # No model learns from those without, unless that leaves out most of what was seen.
    has_features = bool(told.features) and 2 * featured.n_results > task.n_results
    return Model(
        featured if has_features else task, known=tuple(told.known), has_features=has_features
    )
