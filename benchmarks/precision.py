"""What bfloat16 costs in accuracy: paired trainings of resnet20 with resnet56 as the teacher.

    python benchmarks/precision.py --data DIR [--seeds 10] [--epochs 30] [--device auto]

Claim measured: the loss in top1 from training in bfloat16 instead of float32, on 10,000 training
images of CIFAR-10 (as JPEG files under DIR) and all test images, with its upper 95 % bound over
paired seeds (one-sided, Student's t). Both trainings of a pair start from the same weights and see
the same views and teacher logits; scores are always taken in float32. A device on which autokd
would not train in bfloat16 is refused: its figures would say nothing. A seed that has a result in
the JSON is not run again.
"""

import argparse
import math
import statistics
from functools import partial
from pathlib import Path
from typing import Any

from measuring import Result, spread
from scipy import stats

from autokd import load_study
from autokd.distill import LOSSES, Precision, PreparedStudy, predict, prepare, score, train
from autokd.study import Fidelity
from autokd.teachers import Normalised, zoo_model

RESULT = Path(__file__).with_suffix(".json")
N_IMAGES = 10_000
TEMPERATURE, SOFT_WEIGHT = 4.0, 0.9
PRECISIONS: tuple[Precision, ...] = ("float32", "bfloat16")


def main() -> None:
    """Measure every seed that has no result yet, then print the summary."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder with cifar10_jpeg/")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--device", default="auto")
    options = parser.parse_args()
    study = prepared(options)
    if study.precision != "bfloat16":
        raise SystemExit(f"{study.device} does not train in bfloat16: nothing to compare")
    settings = {"epochs": options.epochs, "images": N_IMAGES, "device": str(study.device)}
    result = Result(RESULT, settings)
    for seed in range(options.seeds):
        unit = result.unit(str(seed))
        if not unit:
            unit.update({name: test_top1(study, seed, precision=name) for name in PRECISIONS})
        result.save(summary=summary(result.content["units"]))
        print(seed, unit, flush=True)
    print(result.content["summary"])


def prepared(options: argparse.Namespace) -> PreparedStudy:
    """Load images and teacher, and fill the teacher's table."""
    spec = load_study("cifar10_jpeg")
    share = 1 - spec.data.validation_fraction
    data = spec.data.model_copy(update={"train_limit": round(N_IMAGES / share)})
    ladder = Fidelity(min_epochs=options.epochs, max_epochs=options.epochs)
    spec = spec.model_copy(update={"data": data, "fidelity": ladder})
    return prepare(spec, device=options.device, data_dir=options.data)


def test_top1(study: PreparedStudy, seed: int, *, precision: Precision) -> float:
    """Train one student and measure it on the test images."""
    dataset = study.dataset
    network = zoo_model("resnet20", study.shape, seed=seed)
    student = Normalised(network, mean=dataset.mean, std=dataset.std).to(study.device)
    train(
        student,
        study.source(),
        loss=partial(LOSSES["kd"], temperature=TEMPERATURE, soft_weight=SOFT_WEIGHT),
        training=study.spec.training,
        rungs=[study.spec.fidelity.max_epochs],
        seed=seed,
        at_rung=lambda _: True,
        precision=precision,
    )
    logits = predict(student, dataset.test.images)
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
