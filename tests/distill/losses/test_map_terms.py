import math
from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from autokd.distill.losses.map_terms import (
    TINY,
    channel_pairs,
    embeddings,
    in_range,
    last_maps,
    map_pairs,
    unit_rows,
)
from autokd.errors import ShapeError
from tests.distill.losses.mapped import given_maps, make_seen, make_setting


def _draw(*shape: int) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64)


def test_channels_are_paired_by_place() -> None:
    assert channel_pairs(make_setting()) == ((2, 4), (3, 5))


def test_unequal_numbers_of_maps_are_refused() -> None:
    seen = make_seen()
    with pytest.raises(ShapeError, match="as many of the teacher are needed, found 2 and 1"):
        map_pairs(replace(seen, teacher_maps=seen.teacher_maps[:1]))
    with pytest.raises(ShapeError, match="found 1 and 2"):
        last_maps(replace(seen, student_maps=seen.student_maps[:1]))
    with pytest.raises(ShapeError, match="found 2 and 0"):
        channel_pairs(replace(make_setting(), teacher_channels=()))


def test_having_no_maps_is_refused() -> None:
    seen = replace(make_seen(), student_maps=(), teacher_maps=())
    with pytest.raises(ShapeError, match="found 0 and 0"):
        map_pairs(seen)
    with pytest.raises(ShapeError, match="found 0 and 0"):
        embeddings(seen)


def test_maps_of_other_images_and_other_axes_are_refused() -> None:
    with pytest.raises(ShapeError, match=r"of the same images, found \(4, 2, 3, 3\)"):
        last_maps(given_maps(_draw(4, 2, 3, 3), _draw(5, 2, 3, 3)))
    with pytest.raises(ShapeError, match=r"found \(4, 2, 3, 3\) and \(4, 2\)"):
        map_pairs(given_maps(_draw(4, 2, 3, 3), _draw(4, 2)))


def test_the_finer_map_of_a_pair_is_averaged_whosever_it_is() -> None:
    fine, coarse = _draw(2, 3, 4, 4), _draw(2, 5, 2, 2)
    blocks = torch.stack(
        [
            torch.stack(
                [fine[:, :, 2 * i : 2 * i + 2, 2 * j : 2 * j + 2].mean((2, 3)) for j in (0, 1)], -1
            )
            for i in (0, 1)
        ],
        -2,
    )
    ((student, teacher),) = map_pairs(given_maps(fine, coarse))
    torch.testing.assert_close(student, blocks)
    assert torch.equal(teacher, coarse)
    ((student, teacher),) = map_pairs(given_maps(coarse, fine))
    torch.testing.assert_close(teacher, blocks)
    assert torch.equal(student, coarse)


def test_resolutions_need_not_divide_each_other_nor_be_square() -> None:
    ((student, teacher),) = map_pairs(given_maps(_draw(2, 3, 5, 2), _draw(2, 4, 3, 7)))
    assert student.shape == (2, 3, 3, 2)
    assert teacher.shape == (2, 4, 3, 2)


def test_teacher_maps_come_without_gradients_in_the_students_type() -> None:
    seen = given_maps(_draw(2, 3, 2, 2).requires_grad_(), _draw(2, 3, 4, 4).half())
    for student, teacher in (*map_pairs(seen), last_maps(seen), embeddings(seen)):
        assert student.requires_grad
        assert not teacher.requires_grad
        assert teacher.dtype == torch.float64


def test_an_embedding_is_the_mean_of_the_last_map() -> None:
    seen = make_seen()
    student, teacher = embeddings(seen)
    for row, maps in ((student, seen.student_maps[-1]), (teacher, seen.teacher_maps[-1])):
        means = [[channel.mean().item() for channel in image] for image in maps]
        torch.testing.assert_close(row.detach(), torch.tensor(means, dtype=torch.float64))


@pytest.mark.parametrize("scale", [1e-4, 1.0, 1e30])
def test_values_in_range_have_a_largest_magnitude_of_one(scale: float) -> None:
    found = in_range(scale * _draw(3, 5), dim=1)
    torch.testing.assert_close(found.abs().amax(1), torch.ones(3, dtype=torch.float64))


def test_bringing_into_range_changes_no_gradient_of_what_ignores_scale() -> None:
    points, other = _draw(3, 5).requires_grad_(), _draw(3, 5)

    def cosines(rows: Tensor) -> Tensor:
        lengths: Tensor = rows.norm(dim=1, keepdim=True)
        return (rows / lengths * other).sum()

    (direct,) = torch.autograd.grad(cosines(points), points)
    (scaled,) = torch.autograd.grad(cosines(in_range(points, dim=1)), points)
    torch.testing.assert_close(scaled, direct)


@pytest.mark.parametrize("size", [0.0, TINY / 2])
def test_a_row_of_next_to_nothing_is_zero_without_a_gradient(size: float) -> None:
    rows = torch.full((2, 4), size, dtype=torch.float64)
    rows[1] = 3.0
    rows.requires_grad_()
    found = unit_rows(rows)
    (found * _draw(2, 4)).sum().backward()  # type: ignore[no-untyped-call]
    assert rows.grad is not None
    assert found[0].tolist() == rows.grad[0].tolist() == [0.0] * 4
    assert found[1].tolist() == pytest.approx([0.5] * 4)
    assert rows.grad[1].any()


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_what_is_not_finite_does_not_become_zero(value: float) -> None:
    rows = torch.tensor([[value, 1.0], [1.0, 1.0]])
    assert unit_rows(rows)[0].isnan().any()
    assert unit_rows(rows)[1].isfinite().all()


@given(exponent=st.floats(-5, 37), seed=st.integers(0, 100))
def test_rows_have_length_one_whatever_their_scale(exponent: float, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    rows = torch.rand(3, 7, generator=generator) + 0.5
    lengths = unit_rows(rows * 10.0**exponent).norm(dim=1)
    torch.testing.assert_close(lengths, torch.ones(3))


def test_derivative_of_unit_rows_agrees_with_finite_differences() -> None:
    assert torch.autograd.gradcheck(unit_rows, _draw(3, 4).requires_grad_())
