"""What a retraining gives: every seed's metrics, their mean and spread, and the median student.

Kept in the run folder as ``retrain/0017-same.json`` beside the median student's weights. No torch.
"""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean, stdev
from typing import Any, Literal

from autokd.errors import ExportError
from autokd.export.origin import Members
from autokd.export.searched import Searched, compare_spreads
from autokd.graphs import ArchGraph

__all__ = ["Retrained", "SeedResult", "median_index", "summarise"]

_FORMAT = 1

Measured = Literal["validation", "test"]


@dataclass(frozen=True, slots=True)
class SeedResult:
    """One seed's student.

    Attributes:
        seed: Of its weights and training.
        graph_digest: Which graph it was built from.
        params: Weights, count.
        seconds: Training, seconds.
        validation: Metrics on validation.
        test: Metrics on test, measured once.
    """

    seed: int
    graph_digest: str
    params: int
    seconds: float
    validation: dict[str, float]
    test: dict[str, float]


@dataclass(frozen=True, slots=True)
class Retrained:
    """Students trained at full budget.

    Attributes:
        slot: The trial's slot.
        members: ``same`` for the trial's own student, ``fresh`` for new ones of its family.
        epochs: Epochs of each.
        first_view: View of the first epoch: the search ended below it.
        device: Where they were trained.
        precision: What they were trained in.
        seeds: A result for each seed.
        median: Index of the seed whose weights are kept: the median on validation, of an even
            number the lower of the two.
        graph: That student.
        searched: What the search saw of the trial; None if that is not known.
    """

    slot: int
    members: Members
    epochs: int
    first_view: int
    device: str
    precision: str
    seeds: tuple[SeedResult, ...]
    median: int
    graph: ArchGraph
    searched: Searched | None = None

    def mean(self, measured: Measured = "validation") -> dict[str, float]:
        """Average over the seeds.

        Args:
            measured: ``validation`` or ``test``.

        Returns:
            Mean by metric.
        """
        return summarise([getattr(result, measured) for result in self.seeds])["mean"]

    def std(self, measured: Measured = "validation") -> dict[str, float]:
        """Say how far the seeds spread.

        Args:
            measured: ``validation`` or ``test``.

        Returns:
            Standard deviation (n - 1) by metric; empty for one seed.
        """
        return summarise([getattr(result, measured) for result in self.seeds])["std"]

    def lines(self) -> list[str]:
        """Tell the result to people.

        Returns:
            A heading, a line for each seed, one with mean and spread, and one with those of the
            search; for fresh members also how sizes spread, and whether the family spreads as it
            did in the search.
        """
        validation = _top1(self.mean("validation"), self.std("validation"))
        test = _top1(self.mean("test"), self.std("test"))
        return [
            f"trial {self.slot}, {self.members} members, {self.epochs} epochs on {self.device}",
            *(self._line(index) for index in range(len(self.seeds))),
            f"mean: validation top1 {validation}, test top1 {test}, n = {len(self.seeds)}",
            *self._search_lines(),
        ]

    def write(self, path: Path) -> None:
        """Write the result, whole or not at all.

        Args:
            path: The file; its folder exists.

        Raises:
            ExportError: If it cannot be written.
        """
        partial = path.with_name(f".{path.name}.{os.getpid()}.part")
        try:
            partial.write_text(json.dumps(self._as_dict(), indent=2), encoding="utf-8")
            partial.replace(path)
        except OSError as error:
            partial.unlink(missing_ok=True)
            raise ExportError(f"{path} cannot be written: {error.strerror}") from error

    def _line(self, index: int) -> str:
        result = self.seeds[index]
        kept = ", kept (the median on validation)" if index == self.median else ""
        return (
            f"seed {result.seed}: {result.params:,} params, validation top1 "
            f"{result.validation['top1']:.4f}, test top1 {result.test['top1']:.4f}{kept}"
        )

    def _search_lines(self) -> list[str]:
        before, n = self.searched, len(self.seeds)
        is_family = self.members == "fresh" and n > 1
        lines = [f"params: {_params(self._params())}"] if is_family else []
        if before is None:
            return lines
        shown = _top1(before.validation, before.std)
        count = f"n = {before.n_students}, {before.epochs} epochs"
        lines.append(f"search: validation top1 {shown}, {count}")
        if is_family:
            std = self.std()["top1"]
            lines.append(f"spread of top1: {compare_spreads(std, n, before, metric='top1')}")
        return lines

    def _params(self) -> dict[str, dict[str, float]]:
        return summarise([{"params": float(result.params)} for result in self.seeds])

    def _as_dict(self) -> dict[str, Any]:
        return {
            "format": _FORMAT,
            "n_seeds": len(self.seeds),
            "params": {name: found.get("params") for name, found in self._params().items()},
            "validation": {"mean": self.mean("validation"), "std": self.std("validation")},
            "test": {"mean": self.mean("test"), "std": self.std("test")},
            **asdict(self),
            "graph": json.loads(self.graph.to_json()),
        }


def summarise(results: Sequence[dict[str, float]]) -> dict[str, dict[str, float]]:
    """Average metrics.

    Args:
        results: Metrics of each seed, at least one; all have the same names.

    Returns:
        ``mean`` and ``std`` (n - 1) by metric; ``std`` is empty for one seed.
    """
    columns = {name: [result[name] for result in results] for name in results[0]}
    return {
        "mean": {name: fmean(values) for name, values in columns.items()},
        "std": {name: stdev(values) for name, values in columns.items() if len(values) > 1},
    }


def median_index(values: Sequence[float]) -> int:
    """Find the median.

    Args:
        values: Numbers, at least one.

    Returns:
        Index of the median, of an even number the lower of the two; ties go to the first.
    """
    order = sorted(range(len(values)), key=lambda index: values[index])
    return order[(len(values) - 1) // 2]


def _top1(mean: Mapping[str, float], std: Mapping[str, float]) -> str:
    spread = f" (std {std['top1']:.4f})" if "top1" in std else ""
    return f"{mean['top1']:.4f}{spread}"


def _params(found: Mapping[str, Mapping[str, float]]) -> str:
    return f"mean {found['mean']['params']:,.0f} (std {found['std']['params']:,.0f})"
