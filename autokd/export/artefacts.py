"""The files that hold weights: written, read back from disk, compared with the trained student."""

import hashlib
import shutil
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, Any

from autokd.data import Split, load_dataset
from autokd.errors import ExportError
from autokd.export.description import Description
from autokd.export.facts import DataFacts, searched_data
from autokd.export.formats import write_onnx, write_program
from autokd.export.loading import WEIGHTS_FILE, load_student, rebuild
from autokd.export.origin import Origin
from autokd.export.verify import (
    LOGIT_TOLERANCE,
    N_COMPARED,
    check_form,
    check_recorded,
    measure,
    run_onnx,
    run_program,
)

if TYPE_CHECKING:
    from autokd.distill.prepared import PreparedStudy
    from autokd.runs import Run

__all__ = ["validation_images", "write_and_verify"]


def write_and_verify(
    folder: Path,
    *,
    origin: Origin,
    description: Description,
    formats: Collection[str],
    images: Split,
) -> dict[str, Any]:
    """Write the files that hold weights, and compare each with the trained student.

    Args:
        folder: Where ``student.json`` lies already.
        origin: The student.
        description: What ``student.json`` says.
        formats: Which of ``safetensors``, ``onnx``, ``pt2``.
        images: The run's validation images.

    Returns:
        What was compared, as JSON types: n, top1, tolerance, the difference found for each file,
        the SHA-256 of the weights.

    Raises:
        ExportError: If anything differs from the trained student, or the student from its record.
    """
    trained = rebuild(description, origin.weights)
    reference = measure(trained, images)
    check_recorded(reference, origin)
    some = reference.first(min(N_COMPARED, len(images)))
    differences = {}
    if "safetensors" in formats:
        shutil.copyfile(origin.weights, folder / WEIGHTS_FILE)
        differences[WEIGHTS_FILE] = check_form(WEIGHTS_FILE, load_student(folder), reference)
    if "onnx" in formats:
        write_onnx(trained, description.shape, folder / "student.onnx")
        network = run_onnx(folder / "student.onnx")
        differences["student.onnx"] = check_form("student.onnx", network, some)
    if "pt2" in formats:
        write_program(trained, description.shape, folder / "student.pt2")
        network = run_program(folder / "student.pt2")
        differences["student.pt2"] = check_form("student.pt2", network, some)
    return {
        "n": len(images),
        "n_compared": len(some.split),
        "top1": reference.top1,
        "tolerance": LOGIT_TOLERANCE,
        "differences": differences,
        "weights_sha256": hashlib.sha256(origin.weights.read_bytes()).hexdigest(),
    }


def validation_images(
    run: "Run",
    facts: DataFacts,
    *,
    prepared: "PreparedStudy | None",
    data_dir: Path | None,
) -> Split:
    """Find the images that the run's validation scores were measured on.

    Args:
        run: The run.
        facts: What it knows about its images.
        prepared: The prepared study where there is one; None loads the images again.
        data_dir: Folder of the data, if nothing is prepared; None for that of the search.

    Returns:
        The validation split, on the CPU.

    Raises:
        DataError: If the images cannot be loaded.
        ExportError: If these are other images than the run's, or they were given in Python and are
            not given again.
    """
    if prepared is not None:
        dataset = prepared.dataset
    elif run.spec.data.source == "arrays":
        raise ExportError(
            f"the images of {run.folder} were given in Python: give `prepared` to verify the "
            "export, or export the config alone"
        )
    else:
        dataset = load_dataset(
            run.spec.data,
            data_dir=data_dir or searched_data(run),
            with_tuning=run.spec.needs.tuning,
        )
    if dataset.digest != facts.digest:
        raise ExportError(
            f"the images are not those of {run.folder}: their digest is {dataset.digest[:12]}, "
            f"the run's {facts.digest[:12]}"
        )
    return dataset.validation.to("cpu")
