"""Networks that a study trains before its search: teachers and assistants, each trained once.

They see views far beyond those of the students, so that what they answer to a student's view is no
memory of it. They are kept in the cache as safetensors, with the seconds that their training took.
"""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import safetensors
import safetensors.torch
import torch
from torch import nn

from autokd.data import Dataset
from autokd.data.store.files import check_writable, replacing
from autokd.distill.answers import Answers
from autokd.distill.device import resolve_precision
from autokd.distill.losses.seen import Loss
from autokd.distill.source import TrainingSource
from autokd.distill.threads import preparing_threads
from autokd.distill.training import train
from autokd.errors import Diverged, OutOfMemory, TeacherError
from autokd.study import StudySpec, Training
from autokd.teachers import freeze

__all__ = [
    "TrainedNetwork",
    "check_at_hand",
    "network_training",
    "train_network",
    "trained_once",
]

_FIRST_VIEW = 2**20
_SECONDS = "seconds"
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class TrainedNetwork:
    """A network that was trained now or earlier.

    Attributes:
        module: The network, frozen, in evaluation mode.
        seconds: Seconds that its training took, whenever that was; None where nobody noted it.
    """

    module: nn.Module
    seconds: float | None


def network_training(spec: StudySpec, learning_rate: float) -> Training:
    """Say how a network is trained that teaches, which is not how students are.

    Args:
        spec: The study: what may save time, and the precision.
        learning_rate: Peak learning rate, > 0.

    Returns:
        The settings.
    """
    return Training(
        learning_rate=learning_rate,
        precision=spec.training.precision,
        cuda_graph=spec.training.cuda_graph,
    )


def check_at_hand(file: Path, *, device: torch.device, trained_on: torch.device) -> None:
    """Refuse to train again what another kind of device has trained: it would come out otherwise.

    Args:
        file: Where the network is kept.
        device: Where it would be trained.
        trained_on: Where it was.

    Raises:
        TeacherError: If it is not there, and the devices are of different kinds.
    """
    if trained_on.type != device.type and not file.is_file():
        raise TeacherError(
            f"{file.stem.rpartition('-')[0]} was trained on {trained_on.type}, and is not in the "
            f"cache here: bring {file} from there, or compute on {trained_on.type} "
            f"(--device {trained_on.type})"
        )


def train_network(
    network: nn.Module,
    dataset: Dataset,
    *,
    spec: StudySpec,
    training: Training,
    loss: Loss,
    epochs: int,
    seed: int,
    device: torch.device,
    what: str,
    answers: Answers | None = None,
    stop_after: int | None = None,
    on_epoch: Callable[[int], None],
) -> None:
    """Train a network that shall teach, on a CPU as `preparing_threads` says.

    Args:
        network: Changed in place, on the device; frozen at the end.
        dataset: The images; only the training images are looked at.
        spec: The study: its views.
        training: How it is trained.
        loss: What it learns from.
        epochs: Epochs of its schedule, >= 1.
        seed: Of what it draws.
        device: Where it is trained.
        what: The network, for the message.
        answers: What its own teacher says, where the loss reads it from there.
        stop_after: Epochs after which training breaks off, >= 1; None trains to the end.
        on_epoch: Called after each epoch with the epochs trained.

    Raises:
        TeacherError: If training diverges or the device has no memory left.
    """
    source = TrainingSource(
        dataset.train,
        spec.views,
        answers,
        first_view=_FIRST_VIEW,
        num_classes=dataset.shape.num_classes,
        trained_on=device,
    )
    try:
        with preparing_threads(dataset.shape.size):
            train(
                network,
                source,
                loss=loss,
                training=training,
                rungs=[epochs],
                seed=seed,
                at_rung=lambda _: True,
                precision=resolve_precision(training, device),
                stop_after=stop_after,
                on_epoch=on_epoch,
            )
    except (Diverged, OutOfMemory) as error:
        raise TeacherError(f"{what} cannot be trained: {error}") from error
    freeze(network)


def trained_once(
    path: Path, make: Callable[[], nn.Module], train_it: Callable[[nn.Module], None]
) -> TrainedNetwork:
    """Read a network from the cache, or train it and put it there.

    Args:
        path: Its file, whose name depends on all that changes the weights.
        make: Makes the untrained network.
        train_it: Trains it in place.

    Returns:
        The network.

    Raises:
        RunError: If the cache cannot be written.
        TeacherError: If training fails.
    """
    known = _read(path, make())
    if known is not None:
        return known
    check_writable(path.parent)
    network, began = make(), time.perf_counter()
    train_it(network)
    seconds = time.perf_counter() - began
    state = {name: value.cpu().contiguous() for name, value in network.state_dict().items()}
    with replacing(path) as temporary:
        content = safetensors.torch.save(state, {_SECONDS: f"{seconds:.3f}"})
        temporary.write_bytes(content)
    return TrainedNetwork(freeze(network), round(seconds, 3))


def _read(path: Path, network: nn.Module) -> TrainedNetwork | None:
    if not path.exists():
        return None
    try:
        network.load_state_dict(safetensors.torch.load(path.read_bytes()))
        with safetensors.safe_open(path, framework="pt") as file:
            noted = file.metadata() or {}
        # Networks that were cached before seconds were noted have none.
        seconds = float(noted[_SECONDS]) if _SECONDS in noted else None
    except (OSError, RuntimeError, ValueError, safetensors.SafetensorError) as error:
        _LOG.warning("%s is not used, and the network is trained anew: %s", path, error)
        return None
    return TrainedNetwork(freeze(network), seconds)
