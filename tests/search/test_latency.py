from dataclasses import replace
from typing import Any

import pytest
import torch

from autokd.distill import PreparedStudy
from autokd.errors import InfeasibleError
from autokd.graphs import ArchGraph, Node
from autokd.search import latency
from autokd.search.latency import make_measure

SMALL = ArchGraph((Node("stem", (), 2, 1), Node("conv3x3", (0,), 4, 2)))
LARGE = ArchGraph((Node("stem", (), 64, 1), Node("conv3x3", (0,), 128, 1)))


def _with_latency(prepared: PreparedStudy, make_spec: Any) -> PreparedStudy:
    spec = make_spec(
        objectives=[
            {"metric": "top1", "direction": "maximize", "reference": 0.2},
            {"metric": "latency_s", "direction": "minimize", "reference": 1.0},
        ],
        latency={"repeats": 3},
    )
    return replace(prepared, spec=spec)


def test_a_study_without_latency_measures_none(prepared: PreparedStudy) -> None:
    assert make_measure(prepared) is None


def test_a_family_has_the_mean_and_each_graph_is_measured_once(
    prepared: PreparedStudy, make_spec: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured: list[int] = []

    def fake(student: Any, *_args: object, **_options: object) -> float:
        measured.append(len(student.graph.nodes))
        return float(len(measured))

    monkeypatch.setattr(latency, "measure_latency", fake)
    measure = make_measure(_with_latency(prepared, make_spec))
    assert measure is not None
    assert measure([SMALL, LARGE]) == 1.5
    assert measure([LARGE]) == 2.0
    assert len(measured) == 2


def test_a_much_larger_student_is_slower(prepared: PreparedStudy, make_spec: Any) -> None:
    measure = make_measure(_with_latency(prepared, make_spec))
    assert measure is not None
    assert measure([LARGE]) > measure([SMALL])


def test_student_without_memory_for_its_latency_is_infeasible(
    prepared: PreparedStudy, make_spec: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fake(*_args: object, **_options: object) -> float:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")

    monkeypatch.setattr(latency, "measure_latency", fake)
    measure = make_measure(_with_latency(prepared, make_spec))
    assert measure is not None
    message = "no memory to measure its latency at batch size 1: CUDA out of memory$"
    with pytest.raises(InfeasibleError, match=message) as refused:
        measure([SMALL])
    assert refused.value.violation == 1
