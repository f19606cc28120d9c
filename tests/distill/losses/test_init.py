import inspect

import pytest
import torch
from torch import Tensor, nn

from autokd.distill.losses import Loss, Seen, Setting, make_loss
from autokd.distill.losses.kd import kd
from autokd.distill.losses.none import none
from autokd.errors import DefinitionError
from autokd.methods import METHODS, imported
from autokd.parameters import Point

LABELS = torch.tensor([0, 2, 1, 1])


def _seen() -> Seen:
    student, teacher = (
        torch.randn(4, 3, generator=torch.Generator().manual_seed(seed)) for seed in (0, 1)
    )
    return Seen(student, LABELS, teacher)


@pytest.fixture
def setting() -> Setting:
    return Setting(
        num_classes=3,
        labels=LABELS,
        n_epochs=2,
        student=nn.Identity(),
        peer=lambda seed: nn.Identity(),
        seed=11,
    )


class Drawn(nn.Module):
    """Remembers what it was made with, and a number that it drew."""

    def __init__(self, setting: Setting, *, gain: float = 2.0) -> None:
        super().__init__()
        self.gain = gain
        self.drawn = nn.Parameter(torch.rand(()))

    def forward(self, seen: Seen) -> Tensor:
        return self.gain * self.drawn * none(seen)


def doubled(seen: Seen, *, gain: float = 2.0) -> Tensor:
    """Double the hard labels."""
    return gain * none(seen)


@pytest.mark.parametrize("name", sorted(METHODS))
def test_a_method_takes_the_parameters_of_its_description(name: str) -> None:
    implementation = imported(METHODS[name].implementation)
    arguments = inspect.signature(implementation).parameters.values()
    keywords = {each.name for each in arguments if each.kind is inspect.Parameter.KEYWORD_ONLY}
    assert keywords == {parameter.name for parameter in METHODS[name].parameters}


def test_a_point_names_the_method_and_its_parameters(setting: Setting) -> None:
    seen = _seen()
    point: Point = {"architecture.depth": 1, "kd.method": "kd", "kd.temperature": 2.0}
    loss = make_loss({**point, "kd.soft_weight": 0.3}, setting)
    assert torch.equal(loss(seen), kd(seen, temperature=2.0, soft_weight=0.3))
    assert torch.equal(make_loss({"kd.method": "none"}, setting)(seen), none(seen))


def test_what_a_point_does_not_say_is_the_methods_default(setting: Setting) -> None:
    seen = _seen()
    expected = kd(seen, temperature=4.0, soft_weight=0.9)
    assert torch.equal(make_loss({"kd.method": "kd"}, setting)(seen), expected)


def test_a_class_is_made_under_the_settings_seed(setting: Setting) -> None:
    name = f"{__name__}:Drawn"
    point: Point = {"kd.method": name, "kd.Drawn.gain": 5.0}
    losses: list[Loss] = [make_loss(point, setting) for _ in range(2)]
    assert all(isinstance(loss, Drawn) and loss.gain == 5.0 for loss in losses)
    assert torch.equal(losses[0](_seen()), losses[1](_seen()))


def test_a_function_of_ones_own_is_named_by_its_path(setting: Setting) -> None:
    name = f"{__name__}:doubled"
    loss = make_loss({"kd.method": name}, setting)
    assert torch.equal(loss(_seen()), 2 * none(_seen()))


def test_an_unknown_method_is_refused(setting: Setting) -> None:
    with pytest.raises(DefinitionError, match="dkt"):
        make_loss({"kd.method": "dkt"}, setting)
