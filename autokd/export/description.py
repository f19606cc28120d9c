"""``student.json``: everything about an exported student but its weights.

Two readers: a person who wants to know what this student is and where it comes from, and
`load_student`, which rebuilds it from graph, input shape and normalisation alone. No torch, so
that it is written at once.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import autokd
from autokd.errors import ExportError, GraphError
from autokd.export.facts import DataFacts
from autokd.export.origin import Origin
from autokd.graphs import ArchGraph, InputShape, cost
from autokd.parameters import part
from autokd.study import fingerprint

if TYPE_CHECKING:
    from autokd.runs import Run

__all__ = ["FORMAT", "Description", "describe"]

FORMAT = 1
"""Version of ``student.json``."""


@dataclass(frozen=True, slots=True)
class Description:
    """What ``student.json`` says.

    Attributes:
        graph: The student.
        shape: What it reads and answers.
        class_names: Names by class index.
        mean: Mean of each channel, in [0, 1]; the student normalises for itself.
        std: Standard deviation of each channel, on the [0, 1] scale, > 0.
        kd: Distillation recipe: ``method`` and its parameters.
        training: Training recipe: epochs, the rungs that its schedule went by, optimiser, views.
        metrics: ``size``, ``validation``, ``test``, and for a retrained student ``seeds``.
        teacher: The teacher in numbers.
        provenance: Study, run, trial, point, fingerprints, digests, versions; ``tried_as`` where
            no sampler proposed the trial.
        verified: What was compared before the export was announced; empty without weights.
    """

    graph: ArchGraph
    shape: InputShape
    class_names: tuple[str, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    kd: dict[str, Any]
    training: dict[str, Any]
    metrics: dict[str, Any]
    teacher: dict[str, Any]
    provenance: dict[str, Any]
    verified: dict[str, Any]

    def to_json(self) -> str:
        """Write it.

        Returns:
            Indented JSON that `from_json` reads back.
        """
        shape = self.shape
        raw = {
            "format": FORMAT,
            "autokd": autokd.__version__,
            "graph": json.loads(self.graph.to_json()),
            "input_shape": {
                "channels": shape.channels,
                "size": shape.size,
                "num_classes": shape.num_classes,
            },
            "class_names": self.class_names,
            "mean": self.mean,
            "std": self.std,
            "kd": self.kd,
            "training": self.training,
            "metrics": self.metrics,
            "teacher": self.teacher,
            "provenance": self.provenance,
            "verified": self.verified,
        }
        return json.dumps(raw, indent=2, allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> "Description":
        """Read it.

        Args:
            text: What `to_json` wrote.

        Returns:
            The description, its graph checked.

        Raises:
            ExportError: If the text is not such JSON, or of another format.
        """
        try:
            raw = json.loads(text)
        except json.JSONDecodeError as error:
            raise ExportError(f"not JSON: {error}") from error
        found = raw.get("format") if isinstance(raw, Mapping) else type(raw).__name__
        if found != FORMAT:
            raise ExportError(f"a student of format {FORMAT} was expected, found {found!r}")
        try:
            return _parsed(raw)
        except (KeyError, TypeError, GraphError) as error:
            raise ExportError(f"not a student: {error!r}") from error


def describe(run: "Run", slot: int, *, origin: Origin, facts: DataFacts) -> Description:
    """Describe a student that is about to be exported.

    Args:
        run: The run.
        slot: Slot number.
        origin: The student.
        facts: The run's images.

    Returns:
        The description, not verified.

    Raises:
        RunError: If the run cannot be read.
    """
    point = dict(run.point(slot))
    return Description(
        graph=origin.graph,
        shape=facts.shape,
        class_names=facts.class_names,
        mean=facts.mean,
        std=facts.std,
        kd=part(point, "kd"),
        training=_training(run, origin),
        metrics=_metrics(origin, facts),
        teacher={key: fact for key, fact in run.teacher.items() if key != "answers"},
        provenance=_provenance(run, slot, origin=origin, facts=facts, point=point),
        verified={},
    )


def _parsed(raw: Mapping[str, Any]) -> Description:
    shape = raw["input_shape"]
    return Description(
        graph=ArchGraph.from_mapping(raw["graph"]),
        shape=InputShape(shape["channels"], shape["size"], shape["num_classes"]),
        class_names=tuple(raw["class_names"]),
        mean=tuple(raw["mean"]),
        std=tuple(raw["std"]),
        kd=raw["kd"],
        training=raw["training"],
        metrics=raw["metrics"],
        teacher=raw["teacher"],
        provenance=raw["provenance"],
        verified=raw["verified"],
    )


def _training(run: "Run", origin: Origin) -> dict[str, Any]:
    # The schedule goes by rungs; a retraining has one.
    rungs = [rung for rung in run.spec.fidelity.ladder.rungs if rung <= origin.epochs]
    return {
        "epochs": origin.epochs,
        "rungs": rungs if origin.kind == "search" else [origin.epochs],
        **run.spec.training.model_dump(mode="json"),
        "views": {**run.spec.views.model_dump(mode="json"), "first_view": origin.first_view},
    }


def _metrics(origin: Origin, facts: DataFacts) -> dict[str, Any]:
    size = cost(origin.graph, facts.shape)
    validation: dict[str, Any] = {
        "n": facts.n_validation,
        "n_students": origin.n_students,
        **origin.validation,
    }
    if origin.spread:
        validation["std"] = origin.spread
    return {
        "size": {"params": size.params, "macs": size.macs, "peak_bytes": size.peak_bytes},
        "validation": validation,
        "test": {"n": facts.n_test, **origin.test} if origin.test else {},
        "seeds": origin.summary,
    }


def _provenance(
    run: "Run", slot: int, *, origin: Origin, facts: DataFacts, point: dict[str, Any]
) -> dict[str, Any]:
    tried_as = run.record(slot).origin
    return {
        **({"tried_as": tried_as} if tried_as else {}),
        "study": run.spec.title,
        "run": run.folder.resolve().name,
        "trial": slot,
        "origin": origin.kind,
        "seed": origin.seed,
        "point": point,
        "fingerprints": fingerprint(run.spec),
        "graph_digest": origin.graph.digest,
        "data_digest": facts.digest,
        "device": origin.device,
        "started": run.info.get("started"),
        "ended": run.info.get("ended"),
        "versions": run.info.get("versions", {}),
    }
