"""Teachers from every source, with the right normalisation; the published ones keep their word."""

from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch
from torch import Tensor, nn
from torchvision import datasets, models, transforms

from autokd.errors import TeacherError
from autokd.graphs.ir import InputShape
from autokd.study import TeacherSpec
from autokd.teachers.fitting import check_fits
from autokd.teachers.load import load_teacher, new_teacher
from autokd.teachers.zoo import cifar_resnet

SHAPE = InputShape(3, 8, 10)
DATA: dict[str, Any] = {"mean": [0.5, 0.5, 0.5], "std": [0.25, 0.25, 0.25]}
OWN: dict[str, Any] = {"mean": (0.1, 0.2, 0.3), "std": (0.4, 0.5, 0.6)}
IMAGES = torch.rand(4, 3, 8, 8, generator=torch.Generator().manual_seed(0))


def tiny() -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return nn.Sequential(nn.Flatten(), nn.Linear(3 * 8 * 8, 10))


@pytest.fixture(autouse=True)
def _user_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = (
        "from torch import nn\n"
        "def tiny():\n"
        "    return nn.Sequential(nn.Flatten(), nn.Linear(3 * 8 * 8, 10))\n"
    )
    (tmp_path / "my_teachers.py").write_text(source)
    monkeypatch.syspath_prepend(tmp_path)


@pytest.fixture
def resnet8(tmp_path: Path) -> nn.Module:
    network = cifar_resnet(8, channels=3, num_classes=10, seed=1)
    safetensors.torch.save_file(network.state_dict(), tmp_path / "resnet8.safetensors")
    return network.eval()


def checkpoint(**changes: Any) -> TeacherSpec:
    file = {"model": "resnet8", "file": "resnet8.safetensors"}
    return TeacherSpec(source="checkpoint", **{**file, **changes})


def normalised(mean: Any, std: Any) -> Tensor:
    return (IMAGES - torch.tensor(mean).view(3, 1, 1)) / torch.tensor(std).view(3, 1, 1)


def test_checkpoint_of_a_zoo_model_is_normalised_like_the_data(
    tmp_path: Path, resnet8: nn.Module
) -> None:
    teacher = load_teacher(checkpoint(), SHAPE, data_dir=tmp_path, **DATA)
    torch.testing.assert_close(teacher(IMAGES), resnet8(normalised(**DATA)))


def test_normalisation_of_the_study_goes_first(tmp_path: Path, resnet8: nn.Module) -> None:
    teacher = load_teacher(checkpoint(**OWN), SHAPE, data_dir=tmp_path, **DATA)
    torch.testing.assert_close(teacher(IMAGES), resnet8(normalised(**OWN)))


@pytest.mark.usefixtures("resnet8")
def test_teacher_is_frozen_and_in_eval_mode(tmp_path: Path) -> None:
    teacher = load_teacher(checkpoint(), SHAPE, data_dir=tmp_path, **DATA)
    assert not any(module.training for module in teacher.modules())
    assert not any(weight.requires_grad for weight in teacher.parameters())


@pytest.mark.usefixtures("resnet8")
def test_relative_file_starts_from_the_current_folder_without_a_data_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    check_fits(load_teacher(checkpoint(), SHAPE, **DATA), SHAPE)


@pytest.mark.usefixtures("resnet8")
def test_absolute_file_is_taken_as_it_is(tmp_path: Path) -> None:
    spec = checkpoint(file=str(tmp_path / "resnet8.safetensors"))
    check_fits(load_teacher(spec, SHAPE, data_dir=tmp_path / "elsewhere", **DATA), SHAPE)


@pytest.mark.usefixtures("resnet8")
def test_checkpoint_of_another_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TeacherError, match=r"resnet8.safetensors: the weights do not fit the mod"):
        load_teacher(checkpoint(model="resnet14"), SHAPE, data_dir=tmp_path, **DATA)


@pytest.mark.usefixtures("resnet8")
def test_checkpoint_for_other_classes_is_refused_with_both_numbers(tmp_path: Path) -> None:
    shape = InputShape(3, 8, 7)
    message = r"linear.weight \(10, 64\) instead of \(7, 64\)"
    with pytest.raises(TeacherError, match=message):
        load_teacher(checkpoint(), shape, data_dir=tmp_path, **DATA)


def test_checkpoint_fills_a_users_own_network(tmp_path: Path) -> None:
    network = tiny()
    torch.save({"state_dict": network.state_dict()}, tmp_path / "tiny.pt")
    spec = checkpoint(model="my_teachers:tiny", file="tiny.pt")
    teacher = load_teacher(spec, SHAPE, data_dir=tmp_path, **DATA)
    torch.testing.assert_close(teacher(IMAGES), network(normalised(**DATA)))


def test_network_of_source_module_normalises_for_itself() -> None:
    teacher = load_teacher(TeacherSpec(source="module", model="my_teachers:tiny"), SHAPE, **DATA)
    assert isinstance(teacher, nn.Sequential)
    assert not any(weight.requires_grad for weight in teacher.parameters())


def test_network_of_source_module_is_normalised_if_the_study_says_so() -> None:
    spec = TeacherSpec(source="module", model="my_teachers:tiny", **OWN)
    teacher = load_teacher(spec, SHAPE, **DATA)
    inner = teacher.get_submodule("module")
    torch.testing.assert_close(teacher(IMAGES), inner(normalised(**OWN)))


def test_missing_module_is_said() -> None:
    with pytest.raises(TeacherError, match=r"\[teacher.model\] is missing, and no teacher was"):
        load_teacher(TeacherSpec(source="module"), SHAPE, **DATA)


def test_zoo_teacher_is_trained_not_loaded() -> None:
    with pytest.raises(TeacherError, match="source 'zoo' is trained by the study, not loaded"):
        load_teacher(TeacherSpec(source="zoo", model="resnet8"), SHAPE, **DATA)


def test_probabilities_are_no_network_to_load() -> None:
    with pytest.raises(TeacherError, match="source 'probabilities' has answers, and no network"):
        load_teacher(TeacherSpec(source="probabilities", file="p.npz"), SHAPE, **DATA)


@pytest.fixture
def torchvision_spec(monkeypatch: pytest.MonkeyPatch) -> TeacherSpec:
    def instant(name: str, *, weights: Any, progress: bool) -> nn.Module:
        return tiny()

    monkeypatch.setattr(models, "get_model", instant)
    return TeacherSpec(source="torchvision", model="resnet18", weights="DEFAULT")


def test_torchvision_teacher_brings_its_own_normalisation(torchvision_spec: TeacherSpec) -> None:
    teacher = load_teacher(torchvision_spec, SHAPE, **DATA)
    images = normalised([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
    torch.testing.assert_close(teacher(IMAGES), tiny()(images))


def test_torchvision_teacher_is_refused_for_grey_images(torchvision_spec: TeacherSpec) -> None:
    with pytest.raises(TeacherError, match="for images of 3 channels, the data have 1"):
        load_teacher(torchvision_spec, InputShape(1, 8, 10), mean=[0.5], std=[0.5])


def test_new_teacher_is_untrained_seeded_and_normalises_for_itself() -> None:
    spec = TeacherSpec(source="zoo", model="resnet8", seed=3)
    teacher = new_teacher(spec, SHAPE, **DATA)
    assert teacher.training
    assert all(weight.requires_grad for weight in teacher.parameters())
    inner = cifar_resnet(8, channels=3, num_classes=10, seed=3)
    torch.testing.assert_close(teacher.eval()(IMAGES), inner.eval()(normalised(**DATA)))


def test_normalisation_of_other_channels_is_refused() -> None:
    spec = TeacherSpec(source="zoo", model="resnet8", **OWN)
    with pytest.raises(TeacherError, match="for images of 3 channels, the data have 1"):
        new_teacher(spec, InputShape(1, 8, 10), mean=[0.5], std=[0.5])


IMAGENET: dict[str, Any] = {"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)}


@pytest.fixture(scope="module")
def jpeg_test(data_dir: Path) -> tuple[Tensor, Tensor]:
    folder = datasets.ImageFolder(data_dir / "cifar10_jpeg" / "test", transforms.ToTensor())
    images, labels = zip(*folder, strict=True)
    return torch.stack(images), torch.tensor(labels)


def load_published(file: str, model: str, *, data_dir: Path, key_prefix: str = "") -> nn.Module:
    spec = checkpoint(file=f"teachers/{file}", model=model, key_prefix=key_prefix, **IMAGENET)
    return load_teacher(spec, InputShape(3, 32, 10), data_dir=data_dir, **DATA)


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    ("file", "model", "top1"),
    [
        ("cifar10_resnet20.safetensors", "resnet20", 0.8103),
        ("cifar10_resnet32.safetensors", "resnet32", 0.8256),
        ("cifar10_resnet56.safetensors", "resnet56", 0.8320),
        ("cifar10jpeg_resnet56.safetensors", "resnet56", 0.8996),
    ],
)
def test_published_checkpoint_reaches_its_accuracy_on_the_jpeg_test_images(
    data_dir: Path, jpeg_test: tuple[Tensor, Tensor], file: str, model: str, top1: float
) -> None:
    teacher = load_published(file, model, data_dir=data_dir)
    images, labels = jpeg_test
    with torch.no_grad():
        answers = torch.cat([teacher(batch).argmax(1) for batch in torch.split(images, 250)])
    assert (answers == labels).float().mean().item() == pytest.approx(top1, abs=0.002)


@pytest.mark.slow
def test_published_pytorch_file_is_the_same_network_as_its_safetensors(data_dir: Path) -> None:
    copy = load_published("cifar10_resnet20.safetensors", "resnet20", data_dir=data_dir)
    original = load_published(
        "cifar10_resnet20_original.th", "resnet20", data_dir=data_dir, key_prefix="module."
    )
    torch.testing.assert_close(original.state_dict(), copy.state_dict(), rtol=0, atol=0)
