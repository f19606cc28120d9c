"""What bfloat16 costs in accuracy: paired trainings of resnet20 with resnet56 as the teacher.

    python benchmarks/precision.py --data DIR [--seeds 10] [--epochs 30] [--device auto]

Claim measured: the loss in top1 from training in bfloat16 instead of float32, on 10,000 training
images of CIFAR-10 (as JPEG files under DIR) and all test images, with its upper 95 % bound over
paired seeds (one-sided, Student's t). Both trainings of a pair start from the same weights and see
the same views and teacher logits; scores are always taken in float32. A device on which autokd
would not train in bfloat16 is refused: its figures would say nothing. A seed that has a result in
the JSON is not run again.

There is no JSON beside it before it has been run on such a device. It holds both scores of each
seed, and in ``summary`` the loss and its bound, percentage points.
"""

import argparse
import math
import statistics
from pathlib import Path
from typing import Any

from describing import spread
from measuring import Result
from scipy import stats

from autokd import load_study
from autokd.distill import (
    Precision,
    PreparedStudy,
    make_recipe,
    predict,
    prepare,
    score,
    train,
)
from autokd.parameters import Point
from autokd.study import Fidelity, StudySpec
from autokd.teachers import Normalised, zoo_model

RESULT = Path(__file__).with_suffix(".json")
STUDENT = "resnet20"
N_IMAGES = 10_000
POINT: Point = {"kd.method": "kd", "kd.temperature": 4.0, "kd.soft_weight": 0.9}
PRECISIONS: tuple[Precision, ...] = ("float32", "bfloat16")


def main() -> None:
    """Measure every seed that has no result yet, then print the summary."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder with cifar10_jpeg/")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--device", default="auto")
    options = parser.parse_args()
    spec = shortened(load_study("cifar10_jpeg"), epochs=options.epochs)
    study = prepare(spec, device=options.device, data_dir=options.data)
    if study.precision != "bfloat16":
        raise SystemExit(f"{study.device} does not train in bfloat16: nothing to compare")
    settings = {"epochs": options.epochs, "images": N_IMAGES, "device": str(study.device)}
    result = Result(RESULT, settings)
    for seed in range(options.seeds):
        unit = result.unit(str(seed))
        if not unit:
            unit.update(
                {
                    name: test_top1(study, seed, precision=name, student=STUDENT)
                    for name in PRECISIONS
                }
            )
        result.save(summary=summary(result.content["units"]))
        print(seed, unit, flush=True)
    print(result.content["summary"])


def shortened(spec: StudySpec, *, epochs: int, n_images: int = N_IMAGES) -> StudySpec:
    """Give a study that trains on so many images, for so many epochs, without a race."""
    share = 1 - spec.data.validation_fraction
    data = spec.data.model_copy(update={"train_limit": round(n_images / share)})
    ladder = Fidelity(min_epochs=epochs, max_epochs=epochs)
    return spec.model_copy(update={"data": data, "fidelity": ladder})


def test_top1(study: PreparedStudy, seed: int, *, precision: Precision, student: str) -> float:
    """Train one student, named as in the zoo, and measure it on the test images."""
    dataset, epochs = study.dataset, study.spec.fidelity.max_epochs
    network = zoo_model(student, study.shape, seed=seed)
    module = Normalised(network, mean=dataset.mean, std=dataset.std).to(study.device)
    recipe = make_recipe(study, module, POINT, seed=seed, n_epochs=epochs)
    train(
        module,
        recipe.source,
        loss=recipe.loss,
        training=study.spec.training,
        rungs=[epochs],
        seed=seed,
        at_rung=lambda _: True,
        precision=precision,
    )
    logits = predict(module, dataset.test.images)
    return score(logits, dataset.test.labels, study.outputs.test)["top1"]


def summary(units: dict[str, Any]) -> dict[str, Any]:
    """Describe the losses: float32 less bfloat16, in points."""
    losses = [100 * (unit["float32"] - unit["bfloat16"]) for unit in units.values() if unit]
    found: dict[str, Any] = {"loss_points": spread(losses)}
    if len(losses) > 1:
        error = statistics.stdev(losses) / math.sqrt(len(losses))
        bound = statistics.mean(losses) + float(stats.t.ppf(0.95, len(losses) - 1)) * error
        found["upper_95_points"] = bound
    return found


if __name__ == "__main__":
    main()
