from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from autokd.data import Split
from autokd.errors import ExportError
from autokd.export.origin import Origin
from autokd.export.verify import (
    LOGIT_TOLERANCE,
    Reference,
    check_form,
    check_recorded,
    measure,
)
from autokd.graphs import ArchGraph, InputShape, Node
from autokd.students import build

GRAPH = ArchGraph((Node("stem", (), 4, 1), Node("conv3x3", (0,), 8, 2)))
SHAPE = InputShape(1, 8, 2)


def _split(labels: list[int]) -> Split:
    images = torch.arange(len(labels) * 64, dtype=torch.int64).remainder(256).to(torch.uint8)
    return Split(images.view(-1, 1, 8, 8), torch.tensor(labels))


def _reference(logits: list[list[float]], labels: list[int]) -> Reference:
    answers = torch.tensor(logits)
    top1 = float((answers.argmax(1) == torch.tensor(labels)).double().mean())
    return Reference(_split(labels), answers, top1)


def _origin(top1: float, **other: object) -> Origin:
    bare = Origin("search", GRAPH, Path("w"), 1, 0, "cpu", validation={"top1": top1})
    return replace(bare, **other)  # type: ignore[arg-type]


CLEAR = _reference([[2.0, 0.0], [0.0, 1.0], [1.0, 0.0], [0.0, 1.0]], [0, 1, 0, 0])


def test_measured_top1_is_the_share_of_correct_answers() -> None:
    student = build(GRAPH, SHAPE, mean=[0.5], std=[0.2], seed=0)
    split = _split([0, 1, 0, 1, 1])
    reference = measure(student.eval(), split)
    predicted = student(split.images.float() / 255).argmax(1)
    assert reference.top1 == int((predicted == split.labels).sum()) / 5


def test_near_ties_are_margins_within_twice_the_tolerance() -> None:
    reference = _reference([[10.0, 9.7], [10.0, 9.9], [0.0, 5.0], [3.0, 3.0]], [0, 0, 0, 0])
    assert reference.near_ties(0.0) == 0.25
    assert reference.near_ties(0.009) == 0.5
    assert reference.near_ties(0.016) == 0.75


def test_recorded_top1_must_be_equal_when_no_image_is_a_near_tie() -> None:
    check_recorded(CLEAR, _origin(0.75))
    with pytest.raises(ExportError, match=r"w are not the weights .* is 0.7500, recorded 0.5000"):
        check_recorded(CLEAR, _origin(0.5))


def test_near_ties_allow_the_recorded_top1_to_differ() -> None:
    tied = _reference([[1.0, 1.0], [0.0, 1.0]], [0, 1])
    check_recorded(tied, _origin(0.5))
    with pytest.raises(ExportError, match=r"tolerance 0.5000"):
        check_recorded(tied, _origin(0.49))


def test_an_accelerator_may_differ_more_than_a_cpu() -> None:
    close = _reference([[1.0, 0.99], [0.0, 1.0]], [0, 1])
    check_recorded(close, _origin(0.5, device="cuda:0"))
    with pytest.raises(ExportError, match="are not the weights"):
        check_recorded(close, _origin(0.5, device="cpu"))


@pytest.mark.parametrize("others", [[0.75], [0.25, 0.5], [0.75, 0.75, 0.1]])
def test_every_member_of_a_family_is_within_the_bound_of_its_mean(others: list[float]) -> None:
    family = torch.tensor([CLEAR.top1, *others], dtype=torch.float64)
    origin = _origin(
        float(family.mean()), spread={"top1": float(family.std())}, n_students=len(family)
    )
    check_recorded(CLEAR, origin)


def test_what_cannot_be_a_member_of_the_family_is_refused() -> None:
    with pytest.raises(ExportError, match="are not the weights"):
        check_recorded(CLEAR, _origin(0.5, spread={"top1": 0.01}, n_students=3))


def test_a_form_that_answers_alike_passes_with_its_difference() -> None:
    shifted = CLEAR.logits + LOGIT_TOLERANCE * CLEAR.logits.abs().max() / 2
    assert check_form("f", lambda _: shifted, CLEAR) == pytest.approx(
        LOGIT_TOLERANCE / 2, rel=0.01
    )


@pytest.mark.parametrize("factor", [1.001, float("nan"), float("inf")])
def test_a_form_that_answers_otherwise_is_refused(factor: float) -> None:
    def network(_: Tensor) -> Tensor:
        return CLEAR.logits * factor

    with pytest.raises(ExportError, match=r"f is not the student: .* on 4 validation images"):
        check_form("f", network, CLEAR)


def test_a_form_is_asked_with_raw_images_in_the_unit_interval() -> None:
    seen: list[Tensor] = []

    def network(images: Tensor) -> Tensor:
        seen.append(images)
        return CLEAR.logits

    check_form("f", network, CLEAR)
    torch.testing.assert_close(seen[0], CLEAR.split.images.float() / 255)


def test_first_keeps_images_answers_and_their_top1() -> None:
    first = CLEAR.first(2)
    assert (len(first.split), len(first.logits), first.top1) == (2, 2, 1.0)
