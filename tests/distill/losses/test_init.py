import inspect

import pytest
import torch

from autokd.distill.losses import LOSSES, kd_loss, make_loss
from autokd.errors import ShapeError
from autokd.methods import METHODS
from autokd.parameters import Value

POINT: dict[str, Value] = {
    "architecture.depth": 1,
    "kd.method": "kd",
    "kd.temperature": 4.0,
    "kd.soft_weight": 0.5,
}


def test_every_method_has_a_loss_and_every_loss_a_method() -> None:
    assert set(LOSSES) == set(METHODS)


@pytest.mark.parametrize("name", sorted(METHODS))
def test_a_losses_keywords_are_the_methods_parameters(name: str) -> None:
    parameters = inspect.signature(LOSSES[name]).parameters.values()
    keywords = {p.name for p in parameters if p.kind is inspect.Parameter.KEYWORD_ONLY}
    assert keywords == {parameter.name for parameter in METHODS[name].parameters}


@pytest.mark.parametrize("name", sorted(METHODS))
def test_a_loss_with_default_parameters_is_one_finite_number(name: str) -> None:
    defaults = {parameter.name: parameter.default for parameter in METHODS[name].parameters}
    student = torch.randn(4, 3).requires_grad_()
    loss = LOSSES[name](student, torch.randn(4, 3), torch.arange(4) % 3, **defaults)
    loss.backward()  # type: ignore[no-untyped-call]
    assert loss.shape == ()
    assert loss.isfinite()
    assert student.grad is not None


@pytest.mark.parametrize(
    "name", [name for name, method in METHODS.items() if method.needs_teacher]
)
def test_a_loss_that_needs_a_teacher_refuses_to_do_without(name: str) -> None:
    defaults = {parameter.name: parameter.default for parameter in METHODS[name].parameters}
    with pytest.raises(ShapeError, match="teacher logits"):
        LOSSES[name](torch.randn(4, 3), None, torch.arange(4) % 3, **defaults)


def test_the_loss_has_the_points_method_and_parameters() -> None:
    student, teacher = torch.randn(4, 10), torch.randn(4, 10)
    labels = torch.arange(4)
    made = make_loss(POINT)(student, teacher, labels)
    assert made == kd_loss(student, teacher, labels, temperature=4.0, soft_weight=0.5)
    hard = make_loss({"kd.method": "none", "architecture.depth": 1})(student, None, labels)
    assert hard == torch.nn.functional.cross_entropy(student, labels)
