"""The card of an exported student: ``README.md``, for whoever finds the folder.

It says how good the student is and on how many images, how that was measured, how to load it, and
where it comes from. It leaves the licence open: that is for whoever owns teacher and images to
say.
"""

from collections.abc import Collection, Mapping
from typing import Any

from autokd.export.description import Description
from autokd.parameters import GENERATOR

__all__ = ["write_card"]

_SNIPPETS = {
    "config": """\
The architecture alone, with fresh weights:

```python
from autokd.export import build_student
student = build_student("FOLDER", seed=0)
```""",
    "safetensors": """\
With autokd:

```python
import autokd
student = autokd.load_student("FOLDER")
logits = student(images)
```""",
    "onnx": """\
With ONNX Runtime; `images` is a float32 numpy array:

```python
import onnxruntime
session = onnxruntime.InferenceSession("FOLDER/student.onnx")
(logits,) = session.run(["logits"], {"images": images})
```""",
    "pt2": """\
With torch and no autokd; reading a `.pt2` may run code, so read only those of people you trust:

```python
import torch
student = torch.export.load("FOLDER/student.pt2").module()
logits = student(images)
```""",
}

_OPTIMISM = (
    "The student was chosen among many by its validation numbers, so these are optimistic. "
    "The test images chose nothing; they were measured once, at the end."
)
_UNTESTED = (
    "The student was chosen among many by its validation numbers, so these are optimistic. "
    "It has not been measured on test images: the run measures its front once it ends, and "
    "`autokd retrain` measures what it trains."
)
_SAW_VALIDATION = (
    "The teacher was trained on the images that validation is cut from: its own validation "
    "numbers, and agreement with it, are flattered."
)
_AGAINST_TEACHER = (
    "agreement, kl (nats, from the teacher), cev and sde (how unevenly the errors of classes "
    "changed) compare the student with the teacher."
)
_LICENCE = """\
## Licence

None is stated here. Whoever owns the images and the teacher, and trained this student, decides."""


def write_card(description: Description, formats: Collection[str]) -> str:
    """Write the card.

    Args:
        description: What ``student.json`` says.
        formats: The formats that were written.

    Returns:
        Markdown.
    """
    parts = [
        _head(description),
        _metrics(description),
        *_seeds(description),
        *_notes(description),
        *_verified(description.verified),
        _loading(description, formats),
        _recipe(description),
        _provenance(description),
        _LICENCE,
    ]
    return "\n\n".join(parts) + "\n"


def _head(description: Description) -> str:
    shape, origin = description.shape, description.provenance
    colours = "grey" if shape.channels == 1 else "colour"
    return (
        f"# Trial {origin['trial']} of {_plain(origin['study'])}\n\n"
        f"A student of {description.metrics['size']['params']:,} params that sorts {colours} "
        f"images of {shape.size} x {shape.size} pixels into {shape.num_classes} classes, "
        f"{_how_found(origin)} by autokd."
    )


def _how_found(provenance: Mapping[str, Any]) -> str:
    # Earlier versions named a generator also where the sampler had proposed a baseline again.
    if GENERATOR in provenance["point"] and "tried_as" in provenance:
        return f"no find of a search but a hand-made {provenance['tried_as']}, distilled"
    return "found and distilled"


def _metrics(description: Description) -> str:
    metrics, teacher = description.metrics, description.teacher
    size, validation, test = metrics["size"], metrics["validation"], metrics["test"]
    rows = [
        ("", "student", f"teacher ({_plain(teacher['name'])})"),
        ("---", "---:", "---:"),
        _fractions("validation top1", validation, "top1", teacher=teacher["top1"]),
    ]
    if test:
        rows.append(_fractions("test top1", test, "top1", teacher=teacher["test_top1"]))
    rows += [
        _fractions(f"validation {name}", validation, name)
        for name in ("agreement", "kl", "ece", "nll", "cev", "sde")
        if name in validation
    ]
    rows += [
        ("params", f"{size['params']:,}", _count(teacher["params"])),
        ("multiply-accumulates per image", f"{size['macs']:,}", ""),
        ("peak of activations, one image, float32", f"{size['peak_bytes']:,} bytes", ""),
    ]
    return "## Metrics\n\n" + "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _count(number: int | None) -> str:
    return "unknown" if number is None else f"{number:,}"


def _fractions(
    label: str, metrics: Mapping[str, Any], name: str, *, teacher: float | None = None
) -> tuple[str, str, str]:
    shown = f"{metrics[name]:.4f}"
    if name in metrics.get("std", {}):
        shown += f" (mean of {metrics['n_students']} students, std {metrics['std'][name]:.4f})"
    return f"{label}, n = {metrics['n']:,}", shown, "" if teacher is None else f"{teacher:.4f}"


def _seeds(description: Description) -> list[str]:
    summary = description.metrics["seeds"]
    if not summary:
        return []
    n = summary["n_seeds"]
    how, kept = f"with {n} seeds", "seed"
    if description.provenance["origin"] == "fresh":
        how, kept = f"as {n} fresh members of the trial's family", "member"
    shown = [f"{split} top1 {_spread(summary[split])}" for split in ("validation", "test")]
    text = (
        f"Retrained {how}: mean {'; '.join(shown)}. "
        f"These weights are those of the median {kept} on validation."
    )
    return [text]


def _spread(summary: Mapping[str, Any]) -> str:
    mean, std = summary["mean"]["top1"], summary["std"].get("top1")
    return f"{mean:.4f}" if std is None else f"{mean:.4f} (std {std:.4f})"


def _notes(description: Description) -> list[str]:
    notes = [_OPTIMISM if description.metrics["test"] else _UNTESTED]
    if "kl" in description.metrics["validation"]:
        notes.append(_AGAINST_TEACHER)
    if description.teacher["saw_validation"]:
        notes.append(_SAW_VALIDATION)
    return notes


def _verified(verified: Mapping[str, Any]) -> list[str]:
    if not verified:
        return []
    differences = [f"`{file}` {value:.1e}" for file, value in verified["differences"].items()]
    text = (
        "Verified when it was exported: these weights give validation top1 "
        f"{verified['top1']:.4f} on the CPU (n = {verified['n']:,}). Largest difference of a "
        "logit from the trained student's, relative to the largest logit: "
        f"{', '.join(differences)} (tolerance {verified['tolerance']:.0e})."
    )
    return [text]


def _loading(description: Description, formats: Collection[str]) -> str:
    shape = description.shape
    asked = [name for name in _SNIPPETS if name in formats and name != "config"] or ["config"]
    contract = (
        f"`images` has shape `(batch, {shape.channels}, {shape.size}, {shape.size})`: raw pixels "
        "divided by 255, in [0, 1]; the student normalises them itself. Batches may have any "
        f"size. `logits` has shape `(batch, {shape.num_classes})`; the names of the classes are "
        "in `student.json`."
    )
    return "\n\n".join(["## Loading", contract, *(_SNIPPETS[name] for name in asked)])


def _recipe(description: Description) -> str:
    kd = ", ".join(f"{name} {_number(value)}" for name, value in description.kd.items())
    training = description.training
    return (
        f"## Recipe\n\nDistilled with {kd}, for {training['epochs']} epochs: "
        f"batch {training['batch_size']}, learning rate {training['learning_rate']:g}, "
        f"weight decay {training['weight_decay']:g}. "
        "All of it is in `student.json`."
    )


def _provenance(description: Description) -> str:
    origin = description.provenance
    versions = ", ".join(f"{name} {version}" for name, version in origin["versions"].items())
    rows = [
        ("run", _plain(origin["run"])),
        ("trial", f"{origin['trial']} ({origin['origin']}, seed {origin['seed']})"),
        *([("tried first as", _plain(origin["tried_as"]))] if "tried_as" in origin else []),
        ("graph", f"`{origin['graph_digest']}`"),
        ("images", f"`{origin['data_digest']}`"),
        ("trained on", _plain(origin["device"])),
        ("versions", _plain(versions)),
    ]
    return "## Provenance\n\n" + "\n".join(f"- {name}: {value}" for name, value in rows)


def _number(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else _plain(str(value))


def _plain(text: str) -> str:
    """Take from a text what Markdown or HTML would read as more than text."""
    return "".join(
        f"\\{char}" if char in r"\`*_[]<>|#&" else char for char in " ".join(text.split())
    )
