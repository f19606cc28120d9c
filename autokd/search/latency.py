"""Latency of a family, each graph measured once."""

from collections.abc import Callable, Sequence
from statistics import fmean

from autokd.distill import PreparedStudy
from autokd.graphs import ArchGraph
from autokd.students import build, measure_latency

__all__ = ["Measure", "make_measure"]

Measure = Callable[[Sequence[ArchGraph]], float]
"""Latency of a family, seconds per batch."""


def make_measure(prepared: PreparedStudy) -> Measure | None:
    """Make the latency meter.

    Args:
        prepared: The prepared study.

    Returns:
        A function from a family's graphs to its mean latency, seconds per batch, that measures
        each graph once; None when the study needs no latency.
    """
    if not prepared.spec.needs_latency:
        return None
    known: dict[str, float] = {}

    def measure(graphs: Sequence[ArchGraph]) -> float:
        for graph in graphs:
            if graph.digest not in known:
                known[graph.digest] = _latency(prepared, graph)
        return fmean(known[graph.digest] for graph in graphs)

    return measure


def _latency(prepared: PreparedStudy, graph: ArchGraph) -> float:
    dataset, how = prepared.dataset, prepared.spec.latency
    student = build(graph, prepared.shape, mean=dataset.mean, std=dataset.std, seed=0)
    return measure_latency(
        student,
        prepared.shape,
        batch_size=how.batch_size,
        threads=how.threads,
        repeats=how.repeats,
        device=prepared.device,
    )
