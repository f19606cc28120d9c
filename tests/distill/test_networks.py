from pathlib import Path
from typing import Any

import pytest
import safetensors
import torch
from torch import Tensor, nn

from autokd.data import Dataset, view_images
from autokd.distill.answers import Answers
from autokd.distill.losses import Seen
from autokd.distill.losses.none import none
from autokd.distill.networks import network_training, train_network, trained_once
from autokd.errors import TeacherError
from tests.distill.conftest import MakeSpec
from tests.distill.networks import small_network

CPU = torch.device("cpu")


def _train(network: nn.Module, dataset: Dataset, make_spec: MakeSpec, **changes: Any) -> None:
    spec = make_spec(training={"batch_size": 8, "learning_rate": 0.5, "recompute": True})
    given = {"loss": none, "epochs": 2, "seed": 0, "on_epoch": lambda _: None, **changes}
    train_network(
        network,
        dataset,
        spec=spec,
        training=given.pop("training", network_training(spec, 0.05)),
        device=CPU,
        what="a network",
        **given,
    )


def test_how_students_are_trained_is_not_how_teachers_are(make_spec: MakeSpec) -> None:
    students = {"batch_size": 8, "learning_rate": 0.5, "cuda_graph": "off"}
    training = network_training(make_spec(training=students), 0.05)
    assert (training.batch_size, training.learning_rate, training.cuda_graph) == (64, 0.05, "off")


def test_a_trained_network_is_frozen(dataset: Dataset, make_spec: MakeSpec) -> None:
    network = small_network()
    _train(network, dataset, make_spec)
    assert not network.training
    assert not any(parameter.requires_grad for parameter in network.parameters())


def test_no_student_will_see_the_views_that_it_saw(dataset: Dataset, make_spec: MakeSpec) -> None:
    shown: list[Tensor] = []

    def look(seen: Seen) -> Tensor:
        assert seen.images is not None
        assert seen.indices is not None
        shown.append(seen.images[seen.indices.argsort()])
        return none(seen)

    _train(small_network(), dataset, make_spec, loss=look, epochs=1)
    views = make_spec().views
    pixels = view_images(dataset.train.images, torch.arange(48), view=2**20, spec=views)
    assert torch.equal(shown[0], pixels / 255)


def test_what_its_own_teacher_says_comes_with_each_image(
    dataset: Dataset, make_spec: MakeSpec
) -> None:
    answers = Answers(torch.randn(1, 48, 3), "constant")

    def look(seen: Seen) -> Tensor:
        assert seen.teacher_logits is not None
        assert torch.equal(seen.teacher_logits, answers.parts[0][seen.indices])
        return none(seen)

    _train(small_network(), dataset, make_spec, loss=look, answers=answers)


def test_a_network_that_diverges_is_named(dataset: Dataset, make_spec: MakeSpec) -> None:
    wild = network_training(make_spec(), 1e30)
    with pytest.raises(TeacherError, match=r"a network cannot be trained: .* not finite"):
        _train(small_network(), dataset, make_spec, training=wild, epochs=9)


def _nudge(network: nn.Module) -> None:
    network.get_parameter("0.weight").data += 1


def test_a_network_is_trained_once_and_its_seconds_are_remembered(tmp_path: Path) -> None:
    path, trained = tmp_path / "networks" / "a.safetensors", []

    def train_it(network: nn.Module) -> None:
        trained.append(network)
        _nudge(network)

    first, second = (trained_once(path, small_network, train_it) for _ in range(2))
    assert len(trained) == 1
    assert first.seconds == second.seconds is not None
    for name, value in first.module.state_dict().items():
        assert torch.equal(second.module.state_dict()[name], value)
    assert not second.module.training
    assert not any(parameter.requires_grad for parameter in second.module.parameters())


def test_a_file_without_seconds_is_read_all_the_same(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    state = {name: value + 1 for name, value in small_network().state_dict().items()}
    path.write_bytes(safetensors.torch.save(state))
    found = trained_once(path, small_network, _nudge)
    assert found.seconds is None
    for name, value in found.module.state_dict().items():
        assert torch.equal(value, state[name])


def test_weights_that_do_not_fit_leave_no_trace(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "a.safetensors"
    wrong = small_network().state_dict()
    wrong = {**{name: value + 5 for name, value in wrong.items()}, "6.bias": torch.zeros(7)}
    path.write_bytes(safetensors.torch.save(wrong))
    found = trained_once(path, small_network, _nudge)
    assert "is not used, and the network is trained anew" in caplog.text
    expected = small_network()
    _nudge(expected)
    for name, value in expected.state_dict().items():
        assert torch.equal(found.module.state_dict()[name], value)
