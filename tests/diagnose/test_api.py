from pathlib import Path
from typing import Any

import numpy as np
import pytest

from autokd.diagnose import PARTS, Diagnosis, diagnose
from autokd.distill import PreparedStudy, prepare
from autokd.errors import DiagnosisError, TeacherError
from autokd.runs import Run
from tests.diagnose.conftest import INFEASIBLE, TRAINED, MakeSpec, make_teacher, write_run


@pytest.fixture(scope="module")
def whole(run: Run, cache: Path) -> Diagnosis:
    return diagnose(
        run,
        TRAINED,
        fractions=(0.5, 1.0),
        n_seeds=1,
        teacher=make_teacher(),
        device="cpu",
        cache_dir=cache,
    )


def test_a_run_is_diagnosed_whole_and_left_as_it_was(run: Run, whole: Diagnosis) -> None:
    assert (whole.run, whole.trial, whole.point["kd.method"]) == ("digits", TRAINED, "kd")
    assert whole.transfer is not None
    assert [share.fraction for share in whole.transfer.curves[0].shares] == [0.5, 1.0]
    assert whole.separation is not None
    assert (whole.separation.n_features, len(whole.separation.classes)) == (64, 10)
    assert whole.angles is not None
    assert len(whole.angles.angles) == whole.n_validation
    assert sum(each.n_images for each in whole.angles.bins) == whole.n_validation
    assert not (run.folder / "diagnosis.html").exists()


def test_parts_without_students_train_none(run: Run, cache: Path) -> None:
    told: list[str] = []
    found = diagnose(
        run,
        TRAINED,
        parts=("angles",),
        teacher=make_teacher(),
        device="cpu",
        cache_dir=cache,
        progress=lambda what, *_: told.append(what),
    )
    assert found.transfer is None
    assert found.separation is None
    assert found.angles is not None
    assert not found.angles.bins
    assert "diagnose" not in told


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"parts": ("geometri",)}, r"found 'geometri'; did you mean 'geometry'\?"),
        ({"parts": ()}, "at least one part"),
        ({"fractions": (2.0,)}, "must ascend"),
        ({"n_seeds": 0}, "seeds must be at least 1"),
    ],
)
def test_illegal_arguments_are_refused_before_anything_is_prepared(
    run: Run, arguments: dict[str, Any], message: str
) -> None:
    with pytest.raises(DiagnosisError, match=message):
        diagnose(run, TRAINED, **arguments)


def test_a_trial_that_was_never_trained_is_refused(run: Run) -> None:
    with pytest.raises(DiagnosisError, match=r"trial 1 of .* was never trained: StudentTooSmall"):
        diagnose(run, INFEASIBLE)


def test_a_teacher_that_was_given_in_python_is_asked_for(run: Run, cache: Path) -> None:
    with pytest.raises(TeacherError, match="no teacher was given in Python"):
        diagnose(run, TRAINED, device="cpu", cache_dir=cache)


def test_another_teacher_than_the_runs_is_refused(run: Run, cache: Path) -> None:
    other = make_teacher()
    next(other.parameters()).data += 1
    with pytest.raises(DiagnosisError, match=r"the teacher is not that of .*: its weights are"):
        diagnose(run, TRAINED, teacher=other, device="cpu", cache_dir=cache)


def test_a_teacher_of_which_only_answers_are_left_has_no_features(
    make_spec: MakeSpec, prepared: PreparedStudy, tmp_path: Path
) -> None:
    spec = make_spec(teacher={"source": "probabilities", "file": "answers.npz"})
    run = write_run(tmp_path / "answers", spec, prepared)
    with pytest.raises(TeacherError, match=r"there are only probabilities.*'transfer' needs none"):
        diagnose(run, TRAINED)


def test_a_study_of_answers_alone_is_diagnosed_without_features(
    make_spec: MakeSpec, cache: Path, tmp_path: Path
) -> None:
    answers = np.full((1797, 10), 0.1)
    np.savez(tmp_path / "answers.npz", train=answers)
    spec = make_spec(teacher={"source": "probabilities", "file": "answers.npz"})
    prepared = prepare(spec, device="cpu", cache_dir=cache, data_dir=tmp_path)
    run = write_run(tmp_path / "answers", spec, prepared)
    found = diagnose(
        run,
        TRAINED,
        parts=("transfer",),
        fractions=(1.0,),
        n_seeds=1,
        device="cpu",
        data_dir=tmp_path,
        cache_dir=cache,
    )
    assert found.transfer is not None
    assert found.angles is None


def test_a_zoo_teacher_is_loaded_again(make_spec: MakeSpec, cache: Path, tmp_path: Path) -> None:
    spec = make_spec(teacher={"source": "zoo", "model": "resnet8", "epochs": 1})
    prepared = prepare(spec, device="cpu", cache_dir=cache)
    run = write_run(tmp_path / "zoo", spec, prepared)
    found = diagnose(run, TRAINED, parts=PARTS[1:], device="cpu", cache_dir=cache)
    assert found.separation is not None
    assert found.separation.n_features == 64
