"""What a search begins with: points in a queue, and what earlier runs have shown.

The queue is in slots: slot 0 is its first point, and once it is at its end the sampler is asked.
So a search that is resumed needs to know nothing more.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import nan

from autokd.pareto import Axis, minimised
from autokd.sampler import Earlier
from autokd.search.earlier import EarlierRun
from autokd.search.queued import Queued, baselines
from autokd.study import StudySpec

__all__ = ["WarmStart", "begin_warm", "telling"]


@dataclass(frozen=True, slots=True)
class WarmStart:
    """What is there before the first trial.

    Attributes:
        queue: Points by slot.
        earlier: Earlier runs as autokd's own sampler reads them; none for other samplers.
    """

    queue: tuple[Queued, ...] = ()
    earlier: tuple[Earlier, ...] = ()


def begin_warm(spec: StudySpec, runs: Sequence[EarlierRun]) -> WarmStart:
    """Put together what a study begins with.

    Args:
        spec: The study.
        runs: What was taken from earlier runs.

    Returns:
        The study's baselines and then the fronts, run by run; and what its sampler learns from.
    """
    chains = baselines(spec.start, spec.search_space)
    fronts = [queued for run in runs for queued in run.queue]
    earlier = [_earlier(run, spec.axes) for run in runs if run.points] if _learns(spec) else []
    return WarmStart((*chains, *fronts), tuple(earlier))


def telling(spec: StudySpec, runs: Sequence[EarlierRun], *, begins: bool) -> list[str]:
    """Say what a study begins with.

    Args:
        spec: The study.
        runs: What was taken from earlier runs.
        begins: Whether the search begins now; a resumed one leaves out what was skipped.

    Returns:
        Lines of news.
    """
    lines = []
    if spec.start.chain:
        lines.append(f"queued      {_counted(len(spec.start.chain), 'chain baseline')}")
    for run in runs:
        students = _counted(len(run.queue), "student")
        lines.append(f"queued      {students} of the front of {run.run}")
        if begins:
            lines += [f"not queued  {each}" for each in run.skipped]
        if _learns(spec):
            lines.append(f"learns from {_counted(len(run.points), 'trial')} of {run.run}")
        else:
            lines.append(f"            sampler {spec.sampler.name} learns nothing else from it")
    return lines


def _learns(spec: StudySpec) -> bool:
    return spec.sampler.name == "autokd"


def _counted(n: int, noun: str) -> str:
    return f"{n:,} {noun}{'' if n == 1 else 's'}"


def _earlier(run: EarlierRun, axes: Sequence[Axis]) -> Earlier:
    return Earlier(
        run.points,
        [
            {float(epochs): _values(metrics, axes) for epochs, metrics in results.items()}
            for results in run.results
        ],
    )


def _values(metrics: Mapping[str, float], axes: Sequence[Axis]) -> list[float]:
    return [
        float(minimised([[metrics[axis.metric]]], [axis])[0, 0]) if axis.metric in metrics else nan
        for axis in axes
    ]
