"""The loop that one would write instead of a search, on a GPU.

One process, resnet56 asked at every step, resnet20, torchvision's transforms one image at a time
in DataLoader workers, as many as there are cores but 16 at most. It starts from the same uint8
images in memory as autokd. In float32 it is as one writes it; in bfloat16 it has autocast and
channels last besides.

Its steps are timed over a window once it is warm, and a trial is worked out from them: the steps
of all epochs, and one measured pass over the validation images. What is not counted, in its
favour: starting the loader's workers, building networks, and whatever would keep a record.
"""

import os
import time
from collections.abc import Iterator
from typing import Any

import torch
from contenders import MEAN, SOFT_WEIGHT, STD, TEMPERATURE, InMemory, sgd_settings
from describing import rounded
from gpu_device import synchronise
from gpu_study import Save, Setting, made_up, study
from models import make_model
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms

from autokd.data import Dataset as Images
from autokd.data import Split, load_dataset
from autokd.distill.schedule import steps_per_epoch

_WARM_STEPS, _QUICK_WARM_STEPS = 50, 2
_MOST_LOADERS = 16


def measure_plain(
    setting: Setting, uses_bfloat16: bool, seconds: float, unit: dict[str, Any], save: Save
) -> None:
    """Time steps for about so many seconds, and work out what a trial takes."""
    images = load_images(setting)
    loop = PlainLoop(setting, uses_bfloat16=uses_bfloat16)
    batches = endless(loader(setting, InMemory(images.train), shuffle=True))
    for _ in range(_QUICK_WARM_STEPS if setting.quick else _WARM_STEPS):
        loop.step(*next(batches))
    synchronise(setting.device)
    began, n_steps = time.perf_counter(), 0
    while not n_steps or time.perf_counter() - began < seconds:
        loop.step(*next(batches))
        n_steps += 1
    synchronise(setting.device)
    step_s = (time.perf_counter() - began) / n_steps
    scoring_s = loop.scoring_s(loader(setting, Unaugmented(images.validation), shuffle=False))
    per_epoch = steps_per_epoch(len(images.train), setting.batch_size)
    trial_s = setting.n_epochs * per_epoch * step_s + scoring_s
    unit.update(
        {
            "n_steps": n_steps,
            "loader_workers": n_loaders(),
            "step_s": rounded(step_s),
            "images_per_s": rounded(setting.batch_size / step_s),
            "steps_per_epoch": per_epoch,
            "scoring_s": rounded(scoring_s),
            "trial_s": rounded(trial_s),
            "trials_per_hour": rounded(3600 / trial_s),
        }
    )
    save()


def load_images(setting: Setting) -> Images:
    """Load the images that a search has too, on the CPU."""
    return load_dataset(
        study(setting).data,
        data_dir=setting.data,
        cache_dir=setting.scratch / "cache",
        arrays=made_up(setting).get("data"),
    )


class Unaugmented(InMemory):
    """Images to score on."""

    def __init__(self, split: Split) -> None:
        super().__init__(split)
        steps = [transforms.ToTensor(), transforms.Normalize(MEAN, STD)]
        self._transform = transforms.Compose(steps)


def n_loaders() -> int:
    """Choose the DataLoader's workers."""
    return min(os.cpu_count() or 1, _MOST_LOADERS)


def loader(
    setting: Setting, images: Dataset[tuple[Tensor, int]], *, shuffle: bool
) -> DataLoader[Any]:
    """Make a DataLoader whose workers live on from epoch to epoch."""
    return DataLoader(
        images,
        setting.batch_size,
        shuffle=shuffle,
        num_workers=n_loaders(),
        persistent_workers=True,
        pin_memory=setting.device.type == "cuda",
    )


def endless(batches: DataLoader[Any]) -> Iterator[tuple[Tensor, Tensor]]:
    """Go through a loader again and again."""
    while True:
        yield from batches


class PlainLoop:
    """Teacher, student, loss and optimizer.

    Args:
        setting: Says where.
        uses_bfloat16: Whether forward passes are in bfloat16 and tensors channels last.
    """

    def __init__(self, setting: Setting, *, uses_bfloat16: bool) -> None:
        self._device, self._uses_bfloat16 = setting.device, uses_bfloat16
        self._layout = torch.channels_last if uses_bfloat16 else torch.contiguous_format
        self._teacher = self._placed(make_model(setting.teacher)).eval()
        self._student = self._placed(make_model(setting.student)).train()
        self._optimizer = torch.optim.SGD(self._student.parameters(), **sgd_settings())

    def step(self, images: Tensor, labels: Tensor) -> None:
        """Train on one batch, ``(batch, channels, size, size)`` and ``(batch,)``."""
        images = self._moved(images)
        labels = labels.to(self._device, non_blocking=True)
        with self._autocast():
            with torch.no_grad():
                wanted = self._teacher(images)
            logits = self._student(images)
        loss = distillation(logits.float(), wanted.float(), labels)
        self._optimizer.zero_grad()
        loss.backward()
        self._optimizer.step()

    def scoring_s(self, batches: DataLoader[Any]) -> float:
        """Time one pass over the validation images, the start of its workers apart."""
        self._student.eval()
        self._n_correct(batches)
        began = time.perf_counter()
        self._n_correct(batches)
        seconds = time.perf_counter() - began
        self._student.train()
        return seconds

    @torch.no_grad()
    def _n_correct(self, batches: DataLoader[Any]) -> int:
        n_correct = torch.zeros((), device=self._device)
        for images, labels in batches:
            with self._autocast():
                predicted = self._student(self._moved(images)).argmax(dim=1)
            n_correct += (predicted == labels.to(self._device)).sum()
        return int(n_correct)

    def _placed(self, network: nn.Module) -> nn.Module:
        return network.to(self._device).to(memory_format=self._layout)

    def _moved(self, images: Tensor) -> Tensor:
        return images.to(self._device, non_blocking=True).contiguous(memory_format=self._layout)

    def _autocast(self) -> torch.autocast:
        return torch.autocast(self._device.type, torch.bfloat16, enabled=self._uses_bfloat16)


def distillation(logits: Tensor, wanted: Tensor, labels: Tensor) -> Tensor:
    """Compute the loss that `contenders.PlainLoop` has too.

    Args:
        logits: The student's, ``(batch, classes)``.
        wanted: The teacher's, ``(batch, classes)``.
        labels: Class indices, ``(batch,)``.
    """
    soft = functional.kl_div(
        functional.log_softmax(logits / TEMPERATURE, dim=1),
        functional.softmax(wanted / TEMPERATURE, dim=1),
        reduction="batchmean",
    )
    hard = functional.cross_entropy(logits, labels)
    return SOFT_WEIGHT * TEMPERATURE**2 * soft + (1 - SOFT_WEIGHT) * hard
