import inspect

import pytest
import torch

from autokd.distill.losses import LOSSES
from autokd.errors import ShapeError
from autokd.methods import METHODS


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
