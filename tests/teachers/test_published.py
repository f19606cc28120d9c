"""torchvision's networks by name, from its cache or not at all: no test touches the network."""

from collections.abc import Iterator
from pathlib import Path
from urllib.error import URLError

import pytest
import torch
from torchvision import models

from autokd.errors import TeacherError
from autokd.teachers.published import published_model

NAME, WEIGHTS = "squeezenet1_1", "IMAGENET1K_V1"


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    def offline(*_: object, **__: object) -> None:
        raise URLError("no route to host")

    monkeypatch.setattr(torch.hub, "urlopen", offline)
    before = torch.hub.get_dir()
    torch.hub.set_dir(tmp_path)
    yield tmp_path
    torch.hub.set_dir(before)


@pytest.fixture
def stored(cache: Path) -> dict[str, torch.Tensor]:
    state: dict[str, torch.Tensor] = models.get_model(NAME).state_dict()
    url = models.get_model_weights(NAME)[WEIGHTS].url
    (cache / "checkpoints").mkdir()
    torch.save(state, cache / "checkpoints" / Path(url).name)
    return state


@pytest.mark.parametrize("weights", [WEIGHTS, "DEFAULT"])
def test_weights_and_normalisation_are_those_of_the_name(
    stored: dict[str, torch.Tensor], weights: str
) -> None:
    network, (mean, std) = published_model(NAME, weights)
    assert all(torch.equal(network.state_dict()[name], value) for name, value in stored.items())
    assert (mean, std) == ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])


@pytest.mark.usefixtures("stored")
def test_global_generator_does_not_move() -> None:
    before = torch.get_rng_state()
    published_model(NAME, WEIGHTS)
    assert torch.equal(torch.get_rng_state(), before)


def test_failure_to_fetch_says_what_from_where_and_why(cache: Path) -> None:
    message = (
        f"weights {WEIGHTS} of {NAME} could not be fetched: .*no route to host.*; "
        f"put https://download.pytorch.org/.*pth into {cache}/checkpoints"
    )
    with pytest.raises(TeacherError, match=message):
        published_model(NAME, WEIGHTS)


@pytest.mark.parametrize("name", ["squeezenet", "fcn_resnet50"])
def test_unknown_or_unfit_models_are_refused(name: str) -> None:
    with pytest.raises(TeacherError, match=f"torchvision has no model '{name}' for classif"):
        published_model(name, WEIGHTS)


def test_misspelt_model_is_answered_with_the_nearest() -> None:
    with pytest.raises(TeacherError, match="did you mean 'resnet18'"):
        published_model("resnet_18", WEIGHTS)


def test_misspelt_weights_are_answered_with_the_nearest() -> None:
    message = r"must be one of \['IMAGENET1K_V1', 'DEFAULT'\], found 'IMAGENET_V1'; did you mean"
    with pytest.raises(TeacherError, match=message):
        published_model(NAME, "IMAGENET_V1")


def test_untrained_network_is_refused_as_teacher() -> None:
    with pytest.raises(
        TeacherError, match=rf"\[teacher.weights\] of {NAME} must be .* found None"
    ):
        published_model(NAME, None)
