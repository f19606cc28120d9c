"""Earlier runs, as far as a new one begins from them: copied when it begins.

The new run folder keeps the copy (``warm.json``), so that a resumed search needs no other folder.
Copied are the front's points, translated to the new search space, which are tried first, and the
points and results of all trials that were raced, which a sampler may learn from. Students are not
copied: their graphs are of other images, and a family is judged by fresh members.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from autokd.errors import ChangedDefinitionError, RunError
from autokd.parameters import Value
from autokd.runs import Record, Run, RunFolder, load_run
from autokd.search.queued import Queued
from autokd.search.translate import SIZE, shared_part, translated
from autokd.space import SearchSpace, contains
from autokd.study import StudySpec, fingerprint

__all__ = ["EarlierRun", "keep_runs", "kept_runs", "read_runs"]


@dataclass(frozen=True, slots=True)
class EarlierRun:
    """What is taken from one run.

    Attributes:
        run: Its folder, seen from the folder that the search was begun in; of one elsewhere the
            name, since records and reports that repeat it may go anywhere.
        started: When it was begun, which tells it from another one in the same folder.
        title: Title of its study.
        fingerprint: Hashes of its study's parts.
        queue: Its front, smallest first, in the new study's parameters.
        skipped: For each member of the front that is not in the queue, which and why.
        points: Of each trial that reached a rung, what the new study's space has of its point.
        results: The same trials' metrics by rung, in epochs.
    """

    run: str
    started: str
    title: str
    fingerprint: Mapping[str, str]
    queue: tuple[Queued, ...]
    skipped: tuple[str, ...]
    points: tuple[Mapping[str, Value], ...]
    results: tuple[Mapping[int, Mapping[str, float]], ...]

    def as_dict(self) -> dict[str, Any]:
        """Give it as JSON types.

        Returns:
            A mapping that `from_dict` reads back.
        """
        return {
            "run": self.run,
            "started": self.started,
            "title": self.title,
            "fingerprint": dict(self.fingerprint),
            "queue": [{"point": each.point, "origin": each.origin} for each in self.queue],
            "skipped": list(self.skipped),
            "trials": [
                {"point": point, "results": results}
                for point, results in zip(self.points, self.results, strict=True)
            ],
        }

    @classmethod
    def from_dict(cls, raw: Mapping[str, Any]) -> "EarlierRun":
        """Read it.

        Args:
            raw: What `as_dict` gave, through JSON or not.

        Returns:
            What was taken.
        """
        trials = raw["trials"]
        return cls(
            run=raw["run"],
            started=raw["started"],
            title=raw["title"],
            fingerprint=raw["fingerprint"],
            queue=tuple(Queued(each["point"], each["origin"]) for each in raw["queue"]),
            skipped=tuple(raw["skipped"]),
            points=tuple(trial["point"] for trial in trials),
            results=tuple(
                {int(rung): metrics for rung, metrics in trial["results"].items()}
                for trial in trials
            ),
        )


def read_runs(spec: StudySpec, folders: Sequence[Path]) -> tuple[EarlierRun, ...]:
    """Read earlier runs for a study that begins.

    Args:
        spec: The study.
        folders: Their folders.

    Returns:
        What is taken from each, in their order; a point that comes twice is queued once.

    Raises:
        RunError: If one is no run folder, cannot be read, or no trial of it has reached a rung.
    """
    known: dict[str, str] = {}
    return tuple(_read(spec, folder, known) for folder in folders)


def keep_runs(folder: RunFolder, runs: Sequence[EarlierRun]) -> None:
    """Copy what was taken into the new run folder.

    Args:
        folder: The run folder.
        runs: What was taken.

    Raises:
        RunError: If the folder cannot be written.
    """
    folder.write_warm([run.as_dict() for run in runs])


def kept_runs(folder: RunFolder, folders: Sequence[Path]) -> tuple[EarlierRun, ...]:
    """Read what a run that is resumed began from.

    Args:
        folder: Its folder.
        folders: What it is to begin from now; none stands for what it began from. A folder that
            is gone meanwhile, or was started over as this very run, is known by its name.

    Returns:
        What was taken when it began.

    Raises:
        ChangedDefinitionError: If it began from other runs.
        RunError: If the copy is damaged.
    """
    try:
        kept = tuple(EarlierRun.from_dict(raw) for raw in folder.read_warm())
    except (KeyError, TypeError, ValueError) as error:
        raise RunError(f"{folder.path / 'warm.json'} is damaged: {error!r}") from error
    if folders and not _are_same(kept, folders, folder):
        began = ", ".join(run.run for run in kept) or "no other run"
        raise ChangedDefinitionError(
            f"{folder.path} was begun from {began}, not from "
            f"{', '.join(str(each) for each in folders)} as it is now. Leave out --warm-start to "
            "go on, start over with --fresh, or choose another folder with --run-dir"
        )
    return kept


def _are_same(kept: Sequence[EarlierRun], folders: Sequence[Path], own: RunFolder) -> bool:
    return len(kept) == len(folders) and all(
        Path(run.run).resolve().name == path.resolve().name
        and (path.resolve() == own.path.resolve() or _started(path) in (run.started, None))
        for run, path in zip(kept, folders, strict=True)
    )


def _started(path: Path) -> str | None:
    folder = RunFolder(path)
    return str(folder.read_info()["started"]) if folder.exists else None


def _read(spec: StudySpec, path: Path, known: dict[str, str]) -> EarlierRun:
    run = load_run(path)
    records = [record for record in run.records() if record.outcome in ("complete", "stopped")]
    if not records:
        raise RunError(f"{path} has nothing to begin from: no trial has reached a rung")
    name = _named(path)
    queue: list[Queued] = []
    skipped: list[str] = []
    for record in _front(run, records):
        origin = f"front of {name}, trial {record.slot}"
        point = translated(spec.search_space, record.point)
        why = _why_not(run, record, spec.search_space) or known.get(repr(point), "")
        if why:
            skipped.append(f"trial {record.slot} of {name}: {why}")
        else:
            queue.append(Queued(point, origin))
            known[repr(point)] = f"it comes to the same as the {origin}"
    learned = list(_learned(spec.search_space, records))
    return EarlierRun(
        run=name,
        started=str(run.info["started"]),
        title=run.spec.title,
        fingerprint=fingerprint(run.spec),
        queue=tuple(queue),
        skipped=tuple(skipped),
        points=tuple(point for point, _ in learned),
        results=tuple(results for _, results in learned),
    )


def _named(path: Path) -> str:
    whole, here = path.resolve(), Path.cwd()
    return str(whole.relative_to(here)) if whole.is_relative_to(here) else whole.name


def _front(run: Run, records: Sequence[Record]) -> list[Record]:
    by_slot = {record.slot: record for record in records}
    return [by_slot[int(slot)] for slot in run.front()["trial"]]


def _why_not(run: Run, record: Record, space: SearchSpace) -> str:
    """Say why a point of a run's space cannot be one of another space."""
    theirs = run.spec.search_space.generator_of(record.point).name
    if theirs != space.generator:
        return f"its generator is {theirs!r}, this study's {space.generator!r}"
    return _why_too_far(record, space)


def _why_too_far(record: Record, space: SearchSpace) -> str:
    budget = record.point[SIZE]
    domain = next(d.domain for d in space.dimensions() if d.name == SIZE)
    why = f"its {SIZE} of {budget:,.0f} is none of this study's"
    return "" if contains(domain, budget) else why


def _learned(
    space: SearchSpace, records: Sequence[Record]
) -> Iterator[tuple[dict[str, Value], dict[int, dict[str, float]]]]:
    """Give what can be learned from; a student of another size would stand at another's place."""
    for record in records:
        if not record.is_baseline and not _why_too_far(record, space):
            results = {rung.epochs: rung.metrics for rung in record.rungs}
            yield shared_part(space, record.point), results
