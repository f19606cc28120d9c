"""Latency of a family, each graph measured once.

A student for which the device has no memory at the batch size of ``[latency]`` is infeasible: it
could not be used there.
"""

from collections.abc import Callable, Sequence
from statistics import fmean

from autokd.distill import PreparedStudy
from autokd.distill.memory import memory_errors
from autokd.errors import InfeasibleError, OutOfMemory
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
        each graph once; None when the study needs no latency. It raises `InfeasibleError` where
        the device has no memory left.
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
    try:
        with memory_errors():
            student = build(graph, prepared.shape, mean=dataset.mean, std=dataset.std, seed=0)
            return measure_latency(
                student,
                prepared.shape,
                batch_size=how.batch_size,
                threads=how.threads,
                repeats=how.repeats,
                device=prepared.device,
            )
    except OutOfMemory as error:
        # Nobody knows by how much: as if it took twice what there is.
        reason = f"no memory to measure its latency at batch size {how.batch_size}: {error}"
        raise InfeasibleError(reason, violation=1.0) from error
