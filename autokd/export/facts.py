"""What a run knows about its images without loading them.

The search writes these facts into ``run.json``, key ``data``, so that a student's config needs
neither torch nor the images.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from autokd.errors import ExportError
from autokd.graphs import InputShape

if TYPE_CHECKING:
    from autokd.runs import Run

__all__ = ["DataFacts", "data_facts", "searched_data"]


@dataclass(frozen=True, slots=True)
class DataFacts:
    """A data set in numbers.

    Attributes:
        shape: What a student reads and answers.
        class_names: Names by class index.
        mean: Mean of each channel over the training split, in [0, 1].
        std: Standard deviation of each channel, on the [0, 1] scale, > 0.
        digest: SHA-256 over pixels and labels, 64 hexadecimal digits.
        n_validation: Validation images, count.
        n_test: Test images, count.
    """

    shape: InputShape
    class_names: tuple[str, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    digest: str
    n_validation: int
    n_test: int


def data_facts(run: "Run") -> DataFacts:
    """Read the facts about a run's images.

    Args:
        run: The run.

    Returns:
        The facts.

    Raises:
        ExportError: If ``run.json`` does not hold them.
    """
    raw: Mapping[str, Any] = run.info.get("data", {})
    try:
        return DataFacts(
            shape=InputShape(raw["channels"], raw["size"], raw["num_classes"]),
            class_names=tuple(raw["class_names"]),
            mean=tuple(raw["mean"]),
            std=tuple(raw["std"]),
            digest=raw["digest"],
            n_validation=raw["n_validation"],
            n_test=raw["n_test"],
        )
    except KeyError as error:
        key = error.args[0]
        raise ExportError(f"{run.folder / 'run.json'}: [data.{key}] is missing") from error


def searched_data(run: "Run") -> Path | None:
    """Tell where the search found its data.

    Args:
        run: The run.

    Returns:
        The folder that ``--data`` named; None for the current folder.
    """
    found = run.info.get("data_dir")
    return Path(found) if found else None
