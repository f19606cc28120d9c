from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch
from torch import Tensor, nn
from torchvision import models

from autokd.errors import TeacherError
from autokd.graphs.ir import InputShape
from autokd.study import TeacherSpec
from autokd.teachers.imported import imported_model, is_import_name
from autokd.teachers.load import load_teacher, new_teacher
from autokd.teachers.rebuilt import rebuilt_teacher
from autokd.teachers.zoo import zoo_model

SHAPE = InputShape(3, 8, 10)
DATA: dict[str, Any] = {"mean": [0.5, 0.5, 0.5], "std": [0.25, 0.25, 0.25]}
OWN: dict[str, Any] = {"mean": (0.1, 0.2, 0.3), "std": (0.4, 0.5, 0.6)}
IMAGES = torch.rand(4, 3, 8, 8, generator=torch.Generator().manual_seed(0))


@pytest.fixture(autouse=True)
def _user_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = (
        "from torch import nn\n"
        "def drawn():\n"
        "    return nn.Sequential(nn.Flatten(), nn.Linear(3 * 8 * 8, 10))\n"
    )
    (tmp_path / "drawn_teachers.py").write_text(source)
    monkeypatch.syspath_prepend(tmp_path)


def _rebuilt(spec: TeacherSpec, teacher: nn.Module, folder: Path) -> nn.Module:
    file = folder / "teacher.safetensors"
    safetensors.torch.save_file({k: v.clone() for k, v in teacher.state_dict().items()}, file)
    return rebuilt_teacher(spec, SHAPE, file=file, **DATA)


def check_same(rebuilt: nn.Module, teacher: nn.Module) -> None:
    assert [name for name, _ in rebuilt.named_modules()] == [n for n, _ in teacher.named_modules()]
    assert not rebuilt.training
    assert not any(weight.requires_grad for weight in rebuilt.parameters())
    answers: list[Tensor] = [module.eval()(IMAGES) for module in (rebuilt, teacher)]
    assert torch.equal(*answers)


@pytest.mark.parametrize("own", [{}, OWN])
def test_a_zoo_teacher_is_rebuilt_with_its_weights(own: dict[str, Any], tmp_path: Path) -> None:
    spec = TeacherSpec(source="zoo", model="resnet8", **own)
    trained = new_teacher(spec.model_copy(update={"seed": 7}), SHAPE, **DATA)
    check_same(_rebuilt(spec, trained, tmp_path), trained)


@pytest.mark.parametrize("own", [{}, OWN])
@pytest.mark.parametrize("model", ["resnet8", "drawn_teachers:drawn"])
def test_a_checkpoint_is_rebuilt_without_the_users_file(
    model: str, own: dict[str, Any], tmp_path: Path
) -> None:
    network = imported_model(model) if is_import_name(model) else zoo_model(model, SHAPE)
    safetensors.torch.save_file(network.state_dict(), tmp_path / "mine.safetensors")
    spec = TeacherSpec(source="checkpoint", model=model, file="mine.safetensors", **own)
    teacher = load_teacher(spec, SHAPE, data_dir=tmp_path, **DATA)
    (tmp_path / "mine.safetensors").unlink()
    check_same(_rebuilt(spec, teacher, tmp_path), teacher)


@pytest.mark.parametrize("own", [{}, OWN])
def test_a_named_function_that_draws_its_weights_gets_those_that_answered(
    own: dict[str, Any], tmp_path: Path
) -> None:
    spec = TeacherSpec(source="module", model="drawn_teachers:drawn", **own)
    teacher = load_teacher(spec, SHAPE, **DATA)
    check_same(_rebuilt(spec, teacher, tmp_path), teacher)


def test_a_torchvision_teacher_keeps_its_own_normalisation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def instant(name: str, *, weights: Any, progress: bool) -> nn.Module:
        return nn.Sequential(nn.Flatten(), nn.Linear(3 * 8 * 8, 10))

    monkeypatch.setattr(models, "get_model", instant)
    spec = TeacherSpec(source="torchvision", model="resnet18", weights="DEFAULT")
    teacher = load_teacher(spec, SHAPE, **DATA)
    check_same(_rebuilt(spec, teacher, tmp_path), teacher)


def test_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    spec = TeacherSpec(source="zoo", model="resnet8")
    other = new_teacher(spec.model_copy(update={"model": "resnet14"}), SHAPE, **DATA)
    with pytest.raises(
        TeacherError, match=r"teacher.safetensors: the weights do not fit the model"
    ):
        _rebuilt(spec, other, tmp_path)
