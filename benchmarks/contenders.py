"""The loops that the throughput benchmark compares, all on the same in-memory uint8 images.

Each contender has ``epochs(n)``, which trains a student n times over the images and returns how
many it saw, one thread, float32 unless it says otherwise, SGD with Nesterov momentum, the same
loss: 0.9 of the soft targets at temperature 4 and 0.1 of the hard labels. Peers ask a live teacher
in evaluation mode without gradients, augment with torchvision (crop with a padding of 4, mirror)
and read their batches from a DataLoader.
"""

import sys
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms

from autokd.data import Split
from autokd.distill import Answers, Precision, TrainingSource, train
from autokd.distill.losses.kd import kd
from autokd.study import Training, ViewsSpec
from autokd.teachers import Normalised

BATCH_SIZE = 64
TEMPERATURE, SOFT_WEIGHT = 4.0, 0.9
VIEWS = ViewsSpec(seed=0, crop_padding=4, flip=True)
TRAINING = Training(batch_size=BATCH_SIZE, learning_rate=0.05)
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class Autokd:
    """autokd's training path: views, a table of teacher logits, the training step.

    Args:
        student: Takes normalised images.
        split: The images.
        table: Teacher logits by view and image, ``(views, n, classes)``.
        precision: Of the student's forward pass.
    """

    def __init__(
        self, student: nn.Module, split: Split, table: Tensor, *, precision: Precision = "float32"
    ) -> None:
        self._student = Normalised(student, mean=MEAN, std=STD)
        self._source = TrainingSource(split, VIEWS, Answers(table))
        self._precision = precision
        self._loss = partial(kd, temperature=TEMPERATURE, soft_weight=SOFT_WEIGHT)

    def epochs(self, n: int) -> int:
        """Train n epochs: all that `autokd.distill.train` does is in the time."""
        train(
            self._student,
            self._source,
            loss=self._loss,
            training=TRAINING,
            rungs=[n],
            seed=0,
            at_rung=lambda _: True,
            precision=self._precision,
        )
        return n * len(self._source.split)


class PlainLoop:
    """What one writes in an afternoon: DataLoader, teacher, student, loss, optimizer.

    Args:
        teacher: Takes normalised images.
        student: Takes normalised images.
        split: The images.
        n_workers: Of the DataLoader.
        channels_last: Whether networks and images lie channels last in memory.
    """

    def __init__(
        self,
        teacher: nn.Module,
        student: nn.Module,
        split: Split,
        *,
        n_workers: int,
        channels_last: bool = False,
    ) -> None:
        self._layout = torch.channels_last if channels_last else torch.contiguous_format
        self._teacher = teacher.eval().to(memory_format=self._layout)
        self._student = student.train().to(memory_format=self._layout)
        self._loader = DataLoader(
            InMemory(split), BATCH_SIZE, shuffle=True, **loader_settings(n_workers)
        )
        self._optimizer = torch.optim.SGD(student.parameters(), **sgd_settings())

    def epochs(self, n: int) -> int:
        """Train n epochs."""
        seen = 0
        for _ in range(n):
            for images, labels in self._loader:
                self._step(images.to(memory_format=self._layout), labels)
                seen += len(labels)
        return seen

    def _step(self, images: Tensor, labels: Tensor) -> None:
        with torch.no_grad():
            wanted = functional.softmax(self._teacher(images) / TEMPERATURE, dim=1)
        logits = self._student(images)
        soft = functional.kl_div(
            functional.log_softmax(logits / TEMPERATURE, dim=1), wanted, reduction="batchmean"
        )
        hard = functional.cross_entropy(logits, labels)
        loss = SOFT_WEIGHT * TEMPERATURE**2 * soft + (1 - SOFT_WEIGHT) * hard
        self._optimizer.zero_grad()
        loss.backward()
        self._optimizer.step()


class Torchdistill:
    """torchdistill's distillation box, driven as its documentation drives it.

    Its ``KDLoss`` has the same formula; its alpha is the weight of the hard labels. Its teacher is
    put into evaluation mode here, which it leaves to the caller and which is faster.

    Args:
        teacher: Takes normalised images.
        student: Takes normalised images.
        split: The images.
        n_workers: Of the DataLoader.

    Raises:
        ImportError: If torchdistill or what it needs cannot be imported.
    """

    def __init__(
        self, teacher: nn.Module, student: nn.Module, split: Split, *, n_workers: int
    ) -> None:
        from torchdistill.core.distillation import get_distillation_box
        from torchdistill.misc.log import MetricLogger

        self._logger = MetricLogger
        self._box = get_distillation_box(
            teacher.eval(),
            student,
            {"train": InMemory(split)},
            torchdistill_settings(n_workers),
            torch.device("cpu"),
            None,
            False,
            1,
        )

    def epochs(self, n: int) -> int:
        """Train n epochs, with its own log of losses."""
        box, seen = self._box, 0
        for epoch in range(n):
            logger = self._logger(delimiter="  ")
            box.pre_epoch_process(epoch=epoch)
            for images, labels, more in logger.log_every(box.train_data_loader, 100, "epoch"):
                loss = box.forward_process(images, labels, more)
                box.post_forward_process(loss=loss)
                logger.update(loss=loss.item(), lr=box.optimizer.param_groups[0]["lr"])
                seen += len(labels)
            box.post_epoch_process()
        return seen


class InMemory(Dataset[tuple[Tensor, int]]):
    """Images in memory, augmented one by one as torchvision's own data sets do it.

    Args:
        split: The images.
    """

    def __init__(self, split: Split) -> None:
        self._pixels: Any = np.ascontiguousarray(split.images.permute(0, 2, 3, 1).numpy())
        self._labels: list[int] = split.labels.tolist()
        self._transform = transforms.Compose(
            [
                transforms.RandomCrop(split.images.shape[-1], padding=VIEWS.crop_padding),
                transforms.RandomHorizontalFlip(),
                transforms.ToTensor(),
                transforms.Normalize(MEAN, STD),
            ]
        )

    def __len__(self) -> int:
        """Count the images."""
        return len(self._labels)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        """Give one image, augmented, and its label."""
        image: Tensor = self._transform(Image.fromarray(self._pixels[index]))
        return image, self._labels[index]


def loader_settings(n_workers: int) -> dict[str, Any]:
    """Settings of a DataLoader: workers live on from epoch to epoch."""
    return {"num_workers": n_workers, "persistent_workers": n_workers > 0}


def sgd_settings() -> dict[str, Any]:
    """Settings of torch's SGD."""
    return {
        "lr": TRAINING.learning_rate,
        "momentum": TRAINING.momentum,
        "weight_decay": TRAINING.weight_decay,
        "nesterov": True,
    }


def torchdistill_settings(n_workers: int) -> dict[str, Any]:
    """Configuration of a single-stage box for plain distillation.

    Source: torchdistill 1.1.5, ``DistillationBox`` and ``KDLoss``, and its sample configurations
        for CIFAR-10.
    """
    output = {"module_path": ".", "module_io": "output"}
    kd = {
        **{
            f"{side}_{key}": value
            for side in ("student", "teacher")
            for key, value in output.items()
        },
        "temperature": TEMPERATURE,
        "alpha": 1 - SOFT_WEIGHT,
        "reduction": "batchmean",
    }
    terms = {"kd": {"criterion": {"key": "KDLoss", "kwargs": kd}, "weight": 1.0}}
    return {
        "num_epochs": 1,
        "train_data_loader": {
            "dataset_id": "train",
            "sampler": {"class_or_func": torch.utils.data.RandomSampler},
            "kwargs": {"batch_size": BATCH_SIZE, **loader_settings(n_workers)},
        },
        "teacher": {"forward_proc": "forward_batch_only", "requires_grad": False},
        "student": {"forward_proc": "forward_batch_only", "requires_grad": True},
        "optimizer": {"key": "SGD", "kwargs": sgd_settings()},
        "criterion": {"key": "WeightedSumLoss", "kwargs": {"sub_terms": terms}},
    }


def find_peers(folder: Path | None) -> Mapping[str, str]:
    """Make torchdistill importable, and say which version there is or why there is none."""
    if folder is not None:
        sys.path.append(str(folder))
    try:
        import torchdistill
        from torchdistill.core import distillation  # noqa: F401
    except Exception as error:  # whatever a foreign package does with this torch is the finding
        return {"error": f"{type(error).__name__}: {error}"}
    return {"version": torchdistill.__version__}
