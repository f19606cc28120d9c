"""What bfloat16 costs in accuracy on a GPU: the pairs of trainings of `precision`."""

from collections.abc import Mapping
from functools import cache, partial
from typing import Any

import precision
from gpu_study import Save, Setting, Unit, prepared, study

from autokd.distill import PreparedStudy

AIM_POINTS = 0.5
N_SEEDS, N_EPOCHS = 10, 30


def units(setting: Setting) -> list[Unit]:
    """List the seeds; none where images are made up, from which nothing can be learned."""
    if setting.data is None and not setting.quick:
        print("parity: left out, it needs --data")
        return []
    epochs, n_seeds = (1, 2) if setting.quick else (N_EPOCHS, N_SEEDS)
    n_images = 64 if setting.quick else precision.N_IMAGES
    settings = {"epochs": epochs, "images": n_images, "student": setting.student}
    return [
        Unit(f"seed {seed}", settings, 60, partial(measure_pair, setting, epochs, n_images, seed))
        for seed in range(n_seeds)
    ]


def measure_pair(
    setting: Setting, epochs: int, n_images: int, seed: int, unit: dict[str, Any], save: Save
) -> None:
    """Train one pair of students."""
    ready = ready_for_pairs(setting, epochs, n_images)
    for name in precision.PRECISIONS:
        unit[name] = precision.test_top1(ready, seed, precision=name, student=setting.student)
    save()


@cache
def ready_for_pairs(setting: Setting, epochs: int, n_images: int) -> PreparedStudy:
    """Load images and teacher, and fill the table, once for all seeds."""
    return prepared(setting, precision.shortened(study(setting), epochs=epochs, n_images=n_images))


def summary(found: Mapping[str, Any]) -> dict[str, Any]:
    """Give the loss of bfloat16 and its bound, in points."""
    return {**precision.summary(dict(found)), "aim_upper_95_points": AIM_POINTS}
