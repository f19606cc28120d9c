"""Training a chosen student to the end: full budget, several seeds, fresh views, test once.

The search trains briefly, on few views, and says which student is worth more. Retraining takes
what this leaves out: by default `FULL_BUDGET` times the top rung's epochs, in one learning-rate
cycle, and views that no trial has seen, since training long on few views overfits.

The views are those that come after the ladder's last. All seeds see the same ones in the same
order, so that the teacher answers each view once and later retrainings of the run find its
answers in the cache. The spread over seeds is therefore that of initial weights (and of graphs,
for fresh members), not that of the batches.

Test images are looked at after the last student is trained, once for each. Kept are the weights of
the median seed, by the study's first metric on validation.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from autokd.checking import nearest
from autokd.distill import PreparedStudy, Progress, prepare
from autokd.errors import ExportError
from autokd.export.facts import data_facts, searched_data
from autokd.export.members import choose_members
from autokd.export.origin import MEMBERS, Members, kept_epochs, retrain_files, why_no_student
from autokd.export.retrained import Retrained, median_index
from autokd.export.searched import searched
from autokd.export.training import measure_member, train_member
from autokd.students import Student, save_weights

if TYPE_CHECKING:
    from autokd.runs import Run

__all__ = ["FULL_BUDGET", "n_views", "retrain"]

FULL_BUDGET = 3
"""Epochs of a retraining by default, in units of the top rung's."""


def retrain(
    run: "Run",
    slot: int,
    *,
    n_seeds: int = 3,
    epochs: int | None = None,
    prepared: PreparedStudy | None = None,
    members: Members = "same",
    replace: bool = False,
    device: str = "auto",
    data_dir: Path | None = None,
    cache_dir: Path | None = None,
    progress: Progress | None = None,
) -> Retrained:
    """Train a trial's student, or its family, at full budget.

    Args:
        run: The run; the result and the median student's weights are written into its folder.
        slot: The trial's slot.
        n_seeds: Students to train, >= 1.
        epochs: Epochs of each, >= 1; None for `FULL_BUDGET` times the top rung.
        prepared: The prepared study, with at least `n_views` views; None prepares it.
        members: ``same`` trains the trial's first student from ``n_seeds`` initial weights;
            ``fresh`` trains ``n_seeds`` new students of its family.
        replace: Whether a longer retraining that the run has, by epochs over all seeds, may be
            given up for this one.
        device: Where to train, if nothing is prepared: ``auto``, ``cpu``, ``cuda``, ``cuda:1``.
        data_dir: Folder of the data, if nothing is prepared; None for that of the search.
        cache_dir: Where teachers and their answers are kept, if nothing is prepared; None for the
            user's cache folder.
        progress: Told how many of all epochs are done, as ``retrain``.

    Returns:
        Every seed's metrics, and which student was kept.

    Raises:
        DataError: If the images cannot be loaded.
        ExportError: If an argument is illegal, the trial has no student or a longer retraining,
            what is prepared is not the run's, or the result cannot be written.
        RunError: If the run has no such trial, or cannot be read or written.
        TeacherError: If the teacher cannot be prepared.
        TrialError: If a training diverges or the device has no memory left.
    """
    n_epochs = FULL_BUDGET * run.spec.fidelity.max_epochs if epochs is None else epochs
    _check_arguments(run, slot, n_seeds=n_seeds, epochs=n_epochs, members=members)
    if not replace:
        _check_kept(run, slot, members=members, n_epochs=n_seeds * n_epochs)
    n_needed = n_views(run, epochs=n_epochs)
    if prepared is None:
        prepared = prepare(
            run.spec,
            device=device,
            cache_dir=cache_dir,
            data_dir=data_dir or searched_data(run),
            n_views=n_needed,
            trained_on=run.info["device"],
            progress=progress,
        )
    _check_prepared(run, prepared, n_needed=n_needed)
    chosen = choose_members(run, slot, n=n_seeds, members=members, shape=prepared.shape)
    point, ticks = run.point(slot), _Ticks(progress, n_seeds * n_epochs)
    trained = [
        train_member(member, point, prepared=prepared, epochs=n_epochs, on_epoch=ticks)
        for member in chosen
    ]
    seeds = tuple(measure_member(each, prepared) for each in trained)
    median = median_index([result.validation[run.first_metric] for result in seeds])
    result = Retrained(
        slot=slot,
        members=members,
        epochs=n_epochs,
        first_view=run.spec.fidelity.max_epochs,
        device=str(prepared.device),
        precision=prepared.precision,
        seeds=seeds,
        median=median,
        graph=chosen[median].graph,
        searched=searched(run, slot),
    )
    _keep(run, result, trained[median].student)
    return result


def n_views(run: "Run", *, epochs: int | None = None) -> int:
    """Count the views that a retraining reads up to: the search's and its own.

    Args:
        run: The run.
        epochs: Epochs of the retraining, >= 1; None for the default.

    Returns:
        What `autokd.distill.prepare` needs to be told.
    """
    top = run.spec.fidelity.max_epochs
    return top + (FULL_BUDGET * top if epochs is None else epochs)


class _Ticks:
    """Counts epochs over all seeds."""

    def __init__(self, progress: Progress | None, total: int) -> None:
        self._progress, self._total, self._done = progress, total, 0

    def __call__(self, _: int) -> None:
        self._done += 1
        if self._progress is not None:
            self._progress("retrain", self._done, self._total)


def _keep(run: "Run", result: Retrained, student: Student) -> None:
    files = retrain_files(run.folder, result.slot, members=result.members)
    try:
        files.result.parent.mkdir(exist_ok=True)
    except OSError as error:
        raise ExportError(f"{files.result.parent} cannot be made: {error.strerror}") from error
    # The weights first: a result without its weights would promise what is not there.
    save_weights(student, files.weights)
    result.write(files.result)


def _check_arguments(run: "Run", slot: int, *, n_seeds: int, epochs: int, members: str) -> None:
    for name, value in (("--seeds", n_seeds), ("--epochs", epochs)):
        if value < 1:
            raise ExportError(f"{name} must be at least 1, found {value}")
    if members not in MEMBERS:
        raise ExportError(
            f"members must be one of {list(MEMBERS)}, found {members!r}{nearest(members, MEMBERS)}"
        )
    reason = why_no_student(run.record(slot))
    if reason:
        raise ExportError(f"trial {slot} has no student: {reason}")


def _check_kept(run: "Run", slot: int, *, members: Members, n_epochs: int) -> None:
    """Refuse to give up a longer retraining: hours of work, and what was exported from it."""
    kept = kept_epochs(retrain_files(run.folder, slot, members=members))
    if kept > n_epochs:
        raise ExportError(
            f"trial {slot} of {run.folder} has been retrained for {kept:,} epochs over all seeds, "
            f"and {n_epochs:,} are asked for; --replace gives the longer training up"
        )


def _check_prepared(run: "Run", prepared: PreparedStudy, *, n_needed: int) -> None:
    found, expected = prepared.dataset.digest, data_facts(run).digest
    if found != expected:
        raise ExportError(
            f"the images prepared are not those of {run.folder}: digest {found[:12]}, "
            f"the run's {expected[:12]}"
        )
    if changed := prepared.facts.changed_since(run.teacher):
        raise ExportError(
            f"the teacher prepared is not that of {run.folder}: its {changed} are others"
        )
    if not prepared.covers(n_needed):
        raise ExportError(
            f"{n_needed} views are needed, and fewer are prepared: "
            f"prepare(..., n_views={n_needed})"
        )
