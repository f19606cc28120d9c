"""`search`: a study from beginning to end, or from where it was left.

Everything that can be checked is checked before the first epoch: definitions, run folder, storage,
data and teacher. Then the loop runs, and when its budget is spent the test set is measured once,
for the front.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from math import inf
from numbers import Integral, Real
from pathlib import Path
from typing import Any

import filelock
from torch import nn

from autokd.definitions import find, read
from autokd.distill import PreparedStudy, prepare
from autokd.errors import DefinitionError, RunError
from autokd.runs import (
    Ledger,
    Run,
    RunFolder,
    absolute_url,
    check_file,
    check_storage,
    load_run,
    quiet_optuna,
)
from autokd.search.earlier import EarlierRun, keep_runs, kept_runs, read_runs
from autokd.search.family import make_draw
from autokd.search.finish import measure_test
from autokd.search.latency import make_measure
from autokd.search.loop import Loop
from autokd.search.progress import Listener, Silent, opening
from autokd.search.provenance import check_unchanged, describe_run, now
from autokd.search.warm import WarmStart, begin_warm, telling
from autokd.search.workers import default_workers, make_crew
from autokd.study import Budget, StudySpec, load_study

__all__ = ["search"]


@dataclass(frozen=True, slots=True)
class _Source:
    """Where a study came from: its name, and its files for the run folder."""

    spec: StudySpec
    name: str
    files: dict[str, Path]


def search(
    study: StudySpec | str | Path,
    *,
    teacher: nn.Module | None = None,
    data: tuple[Any, Any] | None = None,
    n_trials: int | None = None,
    seconds: float | None = None,
    run_dir: str | Path | None = None,
    workers: int | None = None,
    device: str = "auto",
    storage: str | None = None,
    data_dir: str | Path | None = None,
    cache_dir: str | Path | None = None,
    warm_start: str | Path | Run | Sequence[str | Path | Run] = (),
    fresh: bool = False,
    smoke: bool = False,
    listener: Listener | None = None,
) -> Run:
    """Run a study, or resume it where its run folder says that it was left.

    Args:
        study: A shipped name, a path that ends in ``.toml``, or a checked study.
        teacher: A module of your own that takes images ``(batch, channels, size, size)`` in [0, 1]
            and gives logits ``(batch, classes)``; only with a study whose ``[teacher] source`` is
            ``module``.
        data: Images and labels of your own; only with a study whose ``[data] source`` is
            ``arrays``. Images ``(n, size, size)``, ``(n, channels, size, size)`` or ``(n, size,
            size, channels)``, uint8 or float in [0, 1]; labels ``(n,)``.
        n_trials: Slots, instead of the study's budget.
        seconds: Seconds of searching, instead of or beside the study's budget.
        run_dir: Run folder; ``runs/NAME`` by default.
        workers: Worker processes; by default one a CPU core but at most 4, on a GPU without MPS
            one. 0 trains in this process.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:1``.
        storage: Any Optuna storage URL; an SQLite file in the run folder by default.
        data_dir: Folder that relative data and checkpoint paths are under; by default that with
            which the run was begun, or the current folder.
        cache_dir: Where teachers and their outputs are kept; the user's cache folder by default.
        warm_start: Earlier runs or one, or their folders, of any data, teacher and budget. Their
            fronts' points are tried first; sampler ``autokd`` also learns from their other trials,
            as far as new ones bear them out. What is taken is copied when the run begins, so that
            a resumed one may leave this out.
        fresh: Delete an earlier run in this folder first.
        smoke: Shrink the study to seconds, to see whether everything works.
        listener: Who watches; nobody by default.

    Returns:
        The run. Ctrl-C ends a search cleanly: the run is then returned as far as it got, and the
        same call resumes it.

    Raises:
        DefinitionError: If the study or the budget says something illegal.
        DataError: If the data cannot be used.
        TeacherError: If the teacher cannot be used.
        ChangedDefinitionError: If the run folder was begun with another study, or from other
            earlier runs.
        RunError: If run folder or storage cannot be used.
    """
    quiet_optuna()
    if workers is not None and workers < 0:
        raise DefinitionError(f"workers must be at least 0, found {workers}")
    source = _resolve(study, n_trials=n_trials, seconds=seconds, smoke=smoke)
    folder = RunFolder(Path(run_dir) if run_dir else Path("runs") / source.name)
    watcher = listener or Silent()
    with _locked(folder):
        begins, trained_on = fresh or not folder.exists, None
        earlier = _earlier(folder, source.spec, warm_start, begins=begins)
        if fresh:
            folder.check_own()
        if begins:
            if storage is not None:
                storage = absolute_url(storage)
                check_storage(storage)
        else:
            info = folder.read_info()
            _check_same_storage(folder, info, storage)
            check_unchanged(folder, source.spec)
            data_dir = data_dir or info.get("data_dir")
            trained_on = info["device"]
        prepared = prepare(
            source.spec,
            device=device,
            cache_dir=Path(cache_dir) if cache_dir else None,
            data_dir=Path(data_dir) if data_dir else None,
            teacher=teacher,
            arrays=data,
            trained_on=trained_on,
            progress=watcher.preparing,
        )
        if fresh:  # not before everything else is found to be in order
            folder.clear()
        _open_folder(folder, source, prepared, earlier, storage=storage, data_dir=data_dir)
        n_workers = default_workers(prepared.device.type) if workers is None else workers
        told = telling(source.spec, earlier, begins=begins)
        for line in [*opening(prepared, n_workers=n_workers), *told]:
            watcher.told(line)
        _session(
            folder,
            prepared,
            n_workers=n_workers,
            listener=watcher,
            warm=begin_warm(source.spec, earlier),
        )
    return load_run(folder.path)


def _resolve(
    study: StudySpec | str | Path, *, n_trials: int | None, seconds: float | None, smoke: bool
) -> _Source:
    if isinstance(study, StudySpec):
        spec, name, files = study, "study", {}
    else:
        path = find("studies", str(study))
        spec, name = load_study(str(study)), path.stem
        files = {"study.toml": path, **_space_file(path)}
    if smoke:
        spec, name = spec.smoke(), f"{name}-smoke"
    if n_trials is not None or seconds is not None:
        trials = spec.budget.trials if n_trials is None and seconds is None else n_trials
        spec = spec.model_copy(update={"budget": _budget(trials, seconds)})
    return _Source(spec, name, files)


def _budget(trials: int | None, seconds: float | None) -> Budget:
    for name, number, kind in (("trials", trials, Integral), ("seconds", seconds, Real)):
        if number is None:
            continue
        if not isinstance(number, kind) or number == inf:
            legal = "whole number" if kind is Integral else "number"
            raise DefinitionError(f"a budget is a finite {legal} of {name}, found {number!r}")
        if not number > 0:
            raise DefinitionError(f"a budget is of more than 0 {name}, found {number:g}")
    return Budget(
        trials=None
        if trials is None
        else int(trials),  # a number of NumPy's is none of pydantic's
        seconds=None if seconds is None else float(seconds),
    )


def _earlier(
    folder: RunFolder,
    spec: StudySpec,
    runs: str | Path | Run | Sequence[str | Path | Run],
    *,
    begins: bool,
) -> tuple[EarlierRun, ...]:
    if isinstance(runs, str | Path | Run):
        runs = [runs]
    folders = [run.folder if isinstance(run, Run) else Path(run) for run in runs]
    return read_runs(spec, folders) if begins else kept_runs(folder, folders)


def _space_file(study: Path) -> dict[str, Path]:
    named = read(study)["search_space"]
    if not isinstance(named, str):
        return {}  # the study spells its search space out
    return {"space.toml": find("search_spaces", named, beside=study)}


def _check_same_storage(folder: RunFolder, info: Mapping[str, Any], storage: str | None) -> None:
    kept = absolute_url(info["storage"])
    if storage is not None and absolute_url(storage) != kept:
        raise RunError(f"{folder.path} keeps its trials in another storage than --storage says")
    check_file(kept)


def _open_folder(
    folder: RunFolder,
    source: _Source,
    prepared: PreparedStudy,
    earlier: Sequence[EarlierRun],
    *,
    storage: str | None,
    data_dir: str | Path | None,
) -> None:
    """Create the run folder, or check that its data and teacher are the same."""
    if folder.exists:
        info = folder.read_info()
        check_unchanged(folder, source.spec, prepared=prepared)
        folder.create(source.spec, definitions=source.files)
        Ledger(info["storage"], info["study_name"]).close()
        info |= {"ended": None, "interrupted": False}
    else:
        folder.create(source.spec, definitions=source.files)
        keep_runs(folder, earlier)
        info = describe_run(folder, prepared, storage=storage, data_dir=data_dir)
        Ledger(info["storage"], info["study_name"], objectives=source.spec.objectives).close()
    folder.write_info(info)


def _session(
    folder: RunFolder,
    prepared: PreparedStudy,
    *,
    n_workers: int,
    listener: Listener,
    warm: WarmStart,
) -> None:
    """Search until the budget is spent or somebody presses Ctrl-C."""
    info = folder.read_info()
    with (
        closing(Ledger(info["storage"], info["study_name"], keeps_connection=True)) as ledger,
        make_crew(prepared, workers=n_workers) as crew,
    ):
        loop = Loop(
            prepared.spec,
            make_draw(prepared.spec, prepared.shape),
            folder=folder,
            ledger=ledger,
            crew=crew,
            listener=listener,
            measure=make_measure(prepared),
            taught_s=prepared.assistants_s,
            warm=warm,
        )
        loop.restore()
        is_interrupted = False
        try:
            loop.run()
            measure_test(folder, ledger, prepared)
        except KeyboardInterrupt:
            is_interrupted = True
    folder.write_info({**info, "ended": now(), "interrupted": is_interrupted})


@contextmanager
def _locked(folder: RunFolder) -> Iterator[None]:
    """Keep a second search out of the same folder."""
    path = folder.path.with_name(f".{folder.path.name}.lock")
    lock = filelock.FileLock(path, timeout=0)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except filelock.Timeout as error:
        raise RunError(f"another search is running in {folder.path}") from error
    except OSError as error:
        raise RunError(f"{path.parent} cannot be written: {error.strerror}") from error
    try:
        yield
    finally:
        lock.release()
