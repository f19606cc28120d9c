"""Distillation throughput on a CPU: autokd against torchdistill and a plain PyTorch loop.

    pip install --no-deps --target PEERS torchdistill==1.1.5
    python benchmarks/throughput.py --peers PEERS [--data DIR] [--repeats 5] [--quick]

Claim measured: images a second of one thread, batch 64, float32, for three pairs of teacher and
student; the factor over the better peer in the same round, steady (`factor`) and with the filling
of the teacher's table spread over 40 trials of 10 epochs (`factor_with_table`: the table holds 10
views, so each image trained pays for 1/40 of a teacher's answer). Everything starts from the same
uint8 images in memory: CIFAR-10 as JPEG files under DIR if given, else random ones; networks are
untrained, which changes no time. The peers' DataLoader works in the training process or in one
worker of its own, whichever was faster before the first round. `plain_channels_last` is the plain
loop with autokd's memory layout: it counts as no peer, and shows what the layout alone is worth.
Where the CPU has AMX, autokd is also measured in bfloat16. `profile` gives each torch operator's
share of the CPU time of one of autokd's epochs. A pair is resumed round by round.

The JSON beside it was written with OMP_NUM_THREADS=1, ``--peers``, ``--data`` and ``--seconds 4``.
Its ``summary`` has both factors, and images a second of wall time and of CPU time, which a
DataLoader's worker also spends; those of ``table`` are the filling of the teacher's table.
"""

import argparse
import copy
import json
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from contenders import BATCH_SIZE, MEAN, STD, VIEWS, Autokd, PlainLoop, Torchdistill, find_peers
from describing import spread
from measuring import (
    Contender,
    Result,
    counted,
    disturbance,
    has_amx,
    is_complete,
    measure_rounds,
    operator_shares,
    rates,
    read_options,
    timed,
    use_one_thread,
)
from models import NUM_CLASSES, make_model

from autokd.data import Dataset, Split, load_dataset
from autokd.distill.outputs import view_outputs
from autokd.study import load_study
from autokd.teachers import Normalised, freeze

RESULT = Path(__file__).with_suffix(".json")
N_TRIALS, N_EPOCHS = 40, 10
PEERS = ("plain", "torchdistill")
_WARM_S = 4.0


@dataclass(frozen=True)
class Pair:
    """A teacher and a student.

    Attributes:
        n_images: Images an epoch: enough for several seconds, few enough for many rounds.
        n_views: Views in the table: epochs that autokd trains in one measurement at most.
        aim: Factor over the better peer to reach, float32.
        aim_bfloat16: The same for bfloat16 where AMX exists.
    """

    teacher: str
    student: str
    n_images: int
    n_views: int
    aim: float
    aim_bfloat16: float

    @property
    def name(self) -> str:
        """Teacher and student."""
        return f"{self.teacher} -> {self.student}"


PAIRS = (
    Pair("resnet56", "resnet20", 1024, 4, 1.9, 4.5),
    Pair("resnet32x4", "resnet8x4", 256, 2, 2.4, 5.5),
    Pair("wrn_40_2", "resnet8", 1024, 8, 4.7, 9.5),
)


def main() -> None:
    """Measure every pair that lacks rounds, then print the summary."""
    options = parse()
    use_one_thread()
    torchdistill = find_peers(options.peers)
    settings = {"batch_size": BATCH_SIZE, "threads": 1, "seconds": options.seconds}
    settings |= {"images": "random" if options.data is None else "cifar10_jpeg"}
    result = Result(None if options.quick else RESULT, {**settings, "torchdistill": torchdistill})
    for pair in PAIRS:
        if is_complete(result.unit(pair.name), repeats=options.repeats):
            continue
        images = read_images(64 if options.quick else pair.n_images, options.data)
        measure(pair, result, images, options, has_torchdistill="version" in torchdistill)
    print(json.dumps(in_short(result.content["summary"]), indent=1))


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--peers", type=Path, help="folder that torchdistill was installed into")
    parser.add_argument("--data", type=Path, help="folder with cifar10_jpeg/train/CLASS/*.jpg")
    return read_options(parser, seconds=8.0, quick_seconds=0.1, quick="64 images")


def read_images(n: int, data: Path | None) -> Split:
    """Read the first images of CIFAR-10's training split, or draw random ones."""
    if data is None:
        generator = torch.Generator().manual_seed(0)
        images = torch.randint(256, (n, 3, 32, 32), dtype=torch.uint8, generator=generator)
        return Split(images, torch.randint(NUM_CLASSES, (n,), generator=generator))
    spec = load_study("cifar10_jpeg").data.model_copy(update={"train_limit": 2 * n})
    train = load_dataset(spec, data_dir=data).train
    return train.take(torch.randperm(len(train), generator=torch.Generator().manual_seed(0))[:n])


def measure(
    pair: Pair,
    result: Result,
    split: Split,
    options: argparse.Namespace,
    *,
    has_torchdistill: bool,
) -> None:
    """Measure one pair's missing rounds and summarise all pairs."""
    unit = result.unit(pair.name)
    print(pair.name, flush=True)
    with tempfile.TemporaryDirectory() as folder:
        contenders = make_contenders(
            pair, split, unit, Path(folder), seconds=options.seconds, peer=has_torchdistill
        )
        measure_rounds(unit, contenders, repeats=options.repeats, save=result.save)
    result.save(summary=summary(result.content["units"]))


def make_contenders(
    pair: Pair,
    split: Split,
    unit: dict[str, Any],
    folder: Path,
    *,
    seconds: float,
    peer: bool,
) -> dict[str, Contender]:
    """Prepare everything that is timed; each has run once before."""
    teacher, student = make_model(pair.teacher), make_model(pair.student)
    fill = TableFilling(teacher, split, folder)
    table = fill.table(pair.n_views)
    loops: dict[str, Any] = {"autokd": Autokd(copy.deepcopy(student), split, table)}
    if has_amx():
        loops["autokd_bfloat16"] = Autokd(
            copy.deepcopy(student), split, table, precision="bfloat16"
        )

    def plain(n_workers: int, *, channels_last: bool = False) -> PlainLoop:
        networks = copy.deepcopy(teacher), copy.deepcopy(student)
        return PlainLoop(*networks, split, n_workers=n_workers, channels_last=channels_last)

    n_workers = faster_workers(unit, plain)
    loops["plain"] = plain(n_workers)
    loops["plain_channels_last"] = plain(n_workers, channels_last=True)
    if peer:
        networks = copy.deepcopy(teacher), copy.deepcopy(student)
        loops["torchdistill"] = Torchdistill(*networks, split, n_workers=n_workers)
    found = {name: repeated(loop.epochs, seconds, len(table)) for name, loop in loops.items()}
    unit["profile"] = operator_shares(lambda: loops["autokd"].epochs(1))
    return {**found, "table": timed(fill.one_view)}


def repeated(epochs: Callable[[int], int], seconds: float, most: int) -> Contender:
    """Warm a loop up, and let it train as many epochs as fill the time."""
    for _ in range(2):  # the second epoch of a fast loop, the first of a slow one
        began = time.perf_counter()
        epochs(1)
        one = time.perf_counter() - began
        if one > _WARM_S:
            break
    n = min(max(round(seconds / one), 1), most)
    return timed(lambda: epochs(n))


def faster_workers(unit: dict[str, Any], plain: Callable[[int], PlainLoop]) -> int:
    """Decide once whether the peers' DataLoader gets a worker of its own."""
    if "loader_workers" not in unit:
        tried = {n: plain(n) for n in (0, 1)}
        rate = {n: _warm_rate(loop) for n, loop in tried.items()}
        unit["loader_workers"] = max(rate, key=lambda n: rate[n])
        unit["loader_workers_tried"] = {str(n): round(value, 2) for n, value in rate.items()}
    return int(unit["loader_workers"])


def _warm_rate(loop: PlainLoop) -> float:
    loop.epochs(1)
    return timed(lambda: loop.epochs(1))()


class TableFilling:
    """The teacher's answers to views, worked out and written as a study does it."""

    def __init__(self, teacher: torch.nn.Module, split: Split, folder: Path) -> None:
        self._teacher = Normalised(freeze(teacher), mean=MEAN, std=STD)
        names = tuple(map(str, range(NUM_CLASSES)))
        self._dataset = Dataset(split, split, split, names, MEAN, STD, "")
        self._folder = folder
        self._n_filled = 0

    def table(self, n_views: int) -> torch.Tensor:
        """Fill a new table, ``(views, n, classes)``."""
        self._n_filled += 1
        return view_outputs(
            self._teacher,
            self._dataset,
            views=VIEWS,
            n_views=n_views,
            folder=self._folder / str(self._n_filled),
        )

    def one_view(self) -> float:
        """Fill a table of one view; returns its images."""
        return float(self.table(1).shape[1])


def summary(units: Mapping[str, Any]) -> dict[str, Any]:
    """Summarise the pairs that have rounds."""
    return {
        pair.name: summarise(pair, units[pair.name])
        for pair in PAIRS
        if units.get(pair.name, {}).get("rounds")
    }


def summarise(pair: Pair, unit: Mapping[str, Any]) -> dict[str, Any]:
    """Give rates, and factors round by round."""
    names = list(unit["rounds"][0]["samples"])
    own = [name for name in names if name.startswith("autokd")]
    found: dict[str, Any] = {"images_per_s": {n: spread(rates(unit, n)) for n in names}}
    found["images_per_cpu_s"] = {name: spread(cpu_rates(unit, name)) for name in names}
    for name in own:
        found[name] = {
            "factor": spread(factors(unit, name, PEERS)),
            "factor_with_table": spread(factors(unit, name, PEERS, table=True)),
            "factor_over_channels_last": spread(factors(unit, name, ("plain_channels_last",))),
            "aim": pair.aim_bfloat16 if name.endswith("bfloat16") else pair.aim,
        }
    if not has_amx():
        found["autokd_bfloat16"] = "not measured: this CPU has no AMX"
    return {**found, "machine": disturbance(unit)}


def in_short(found: Mapping[str, Any]) -> dict[str, Any]:
    """Leave the medians of float32."""
    keys = ("factor", "factor_with_table", "factor_over_channels_last")
    return {
        name: {key: one["autokd"][key]["median"] for key in keys} | {"aim": one["autokd"]["aim"]}
        for name, one in found.items()
    }


def factors(
    unit: Mapping[str, Any], name: str, peers: tuple[str, ...], *, table: bool = False
) -> list[float]:
    """Divide a rate by that of the better peer, in every round that counts."""
    found = []
    for one in counted(unit):
        rate = {key: sample["rate"] for key, sample in one["samples"].items()}
        seconds = 1 / rate[name] + (1 / (N_TRIALS * rate["table"]) if table else 0.0)
        found.append(1 / seconds / max(rate[peer] for peer in peers if peer in rate))
    return found


def cpu_rates(unit: Mapping[str, Any], name: str) -> list[float]:
    """Give images per CPU second, which a DataLoader's worker also spends."""
    samples = [one["samples"][name] for one in counted(unit)]
    return [one["rate"] * one["seconds"] / max(one["cpu_seconds"], 1e-9) for one in samples]


if __name__ == "__main__":
    main()
