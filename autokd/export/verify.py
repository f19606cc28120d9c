"""Is what was exported the student that was trained?

Three comparisons, all on validation images: the trained student with what the run recorded, and
each exported form, read back from disk, with the trained student. Everything runs on the CPU in
float32.

What is equal and what is not. Two runtimes sum in different orders, so logits agree to
`LOGIT_TOLERANCE` of the largest one, no better. Such a difference can change the predicted class
only where the two largest logits lie closer together than twice that: the *near ties*. So top1
must be equal up to the number of near ties among the images, usually none.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import sqrt
from pathlib import Path

import onnxruntime
import torch
from torch import Tensor, nn

from autokd.data import Split, to_unit
from autokd.distill.evaluation import predict
from autokd.errors import ExportError
from autokd.export.formats import INPUT
from autokd.export.origin import Origin

__all__ = [
    "DEVICE_TOLERANCE",
    "LOGIT_TOLERANCE",
    "N_COMPARED",
    "Reference",
    "check_form",
    "check_recorded",
    "measure",
    "run_onnx",
    "run_program",
]

LOGIT_TOLERANCE = 1e-4
"""Largest difference of a logit between two runtimes on one machine, relative to the largest
absolute logit."""

DEVICE_TOLERANCE = 1e-2
"""The same between the CPU and an accelerator, which may multiply in 10 bits of mantissa (TF32),
layer after layer."""

N_COMPARED = 1000
"""Validation images, at most, on which an ONNX file and a program are compared."""

_BATCH_SIZE = 192
_ROUNDING = 1e-9

Network = Callable[[Tensor], Tensor]
"""From raw images in [0, 1], ``(batch, channels, size, size)``, to logits, ``(batch,
classes)``."""


@dataclass(frozen=True, slots=True, eq=False)
class Reference:
    """What the trained student answers on the validation images.

    Attributes:
        split: The images, on the CPU.
        logits: Its logits, ``(n, classes)``, float32.
        top1: Fraction correct, in [0, 1].
    """

    split: Split
    logits: Tensor
    top1: float

    def near_ties(self, tolerance: float) -> float:
        """Count the images whose predicted class a difference within the tolerance can change.

        Args:
            tolerance: Relative to the largest absolute logit, >= 0.

        Returns:
            Their share among all images, in [0, 1].
        """
        largest = self.logits.topk(2, dim=1).values
        margin = largest[:, 0] - largest[:, 1]
        return float((margin <= 2 * tolerance * self.logits.abs().max()).double().mean())

    def first(self, n: int) -> "Reference":
        """Keep the first images.

        Args:
            n: How many, >= 1.

        Returns:
            The answers to these.
        """
        split = self.split.take(torch.arange(n))
        logits = self.logits[:n]
        return Reference(split, logits, _top1(logits, split.labels))


def measure(student: nn.Module, split: Split) -> Reference:
    """Let a student answer.

    Args:
        student: The student, on the CPU.
        split: The validation images, on the CPU.

    Returns:
        Its answers.
    """
    logits = predict(student, split.images)
    return Reference(split, logits, _top1(logits, split.labels))


def check_recorded(reference: Reference, origin: Origin) -> None:
    """Compare the trained student's top1 with the recorded one.

    A family's record is its mean. A single one of n values lies within ``s (n - 1) / sqrt(n)`` of
    their mean, s being their standard deviation (n - 1); for one student that is 0, and the
    comparison is exact but for near ties.

    Args:
        reference: What the student answers.
        origin: What was recorded.

    Raises:
        ExportError: If they differ by more; the message gives both.

    Source: Samuelson 1968, J. Am. Stat. Assoc. 63(324), in terms of the standard deviation with n
    - 1.
    """
    n = origin.n_students
    family = origin.spread.get("top1", 0.0) * (n - 1) / sqrt(n)
    tolerance = LOGIT_TOLERANCE if origin.device == "cpu" else DEVICE_TOLERANCE
    allowed = family + reference.near_ties(tolerance) + _ROUNDING
    if abs(reference.top1 - origin.validation["top1"]) > allowed:
        raise ExportError(
            f"{origin.weights} are not the weights that were recorded: validation top1 is "
            f"{reference.top1:.4f}, recorded {origin.validation['top1']:.4f} "
            f"(tolerance {allowed:.4f})"
        )


def check_form(name: str, network: Network, reference: Reference) -> float:
    """Compare an exported form with the trained student.

    Args:
        name: The form, for the message.
        network: The form, read back from disk.
        reference: What the trained student answers.

    Returns:
        Largest difference of a logit, relative to the largest absolute logit.

    Raises:
        ExportError: If it exceeds `LOGIT_TOLERANCE`, or top1 differs by more than the near ties.
    """
    split = reference.split
    with torch.no_grad():
        parts = [network(to_unit(images)) for images in torch.split(split.images, _BATCH_SIZE)]
    logits = torch.cat(parts)
    difference = float((logits - reference.logits).abs().max() / reference.logits.abs().max())
    top1 = _top1(logits, split.labels)
    allowed = reference.near_ties(LOGIT_TOLERANCE) + _ROUNDING
    # "not <=" rather than ">": NaN must fail.
    if not difference <= LOGIT_TOLERANCE or abs(top1 - reference.top1) > allowed:
        raise ExportError(
            f"{name} is not the student: logits differ by {difference:.1e} of the largest "
            f"(tolerance {LOGIT_TOLERANCE:.0e}), top1 is {top1:.4f} instead of "
            f"{reference.top1:.4f} on {len(split)} validation images"
        )
    return difference


def run_onnx(path: Path) -> Network:
    """Open an ONNX file with ONNX Runtime.

    Args:
        path: The file.

    Returns:
        The network.
    """
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])

    def network(images: Tensor) -> Tensor:
        (logits,) = session.run(None, {INPUT: images.numpy()})
        return torch.from_numpy(logits)

    return network


def run_program(path: Path) -> Network:
    """Open a torch.export program that this process has just written.

    Args:
        path: The file; never one from elsewhere, since reading it may run code.

    Returns:
        The network.
    """
    network: Network = torch.export.load(path).module()
    return network


def _top1(logits: Tensor, labels: Tensor) -> float:
    return float((logits.argmax(1) == labels).double().mean())
