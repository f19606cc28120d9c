from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from autokd.data import Split
from autokd.diagnose.fractions import nested_parts
from autokd.diagnose.training import check_transfer, measure_transfer
from autokd.diagnose.transfer import Transfer
from autokd.distill import PreparedStudy
from autokd.distill.progress import silent
from autokd.errors import DiagnosisError
from autokd.runs import Run
from autokd.seeds import derive_seed
from tests.diagnose.conftest import TRAINED, MakeSpec, write_run


def measured(
    run: Run,
    prepared: PreparedStudy,
    fractions: Sequence[float] = (0.25, 1.0),
    *,
    n_seeds: int = 1,
) -> Transfer:
    return measure_transfer(
        run, TRAINED, prepared=prepared, fractions=fractions, n_seeds=n_seeds, progress=silent
    )


@pytest.fixture(scope="module")
def transfer(run: Run, prepared: PreparedStudy) -> Transfer:
    return measured(run, prepared, n_seeds=2)


def parts_of(run: Run, prepared: PreparedStudy, fractions: Sequence[float]) -> Sequence[Tensor]:
    """Name the parts of the first seed."""
    seed = derive_seed(derive_seed(derive_seed(run.seed(TRAINED), "diagnose"), 0), "images")
    return nested_parts(prepared.dataset.train.labels, fractions, seed=seed)


def test_both_ways_of_training_are_measured_on_every_share_and_seed(
    transfer: Transfer, prepared: PreparedStudy
) -> None:
    assert [curve.method for curve in transfer.curves] == ["kd", "none"]
    for curve in transfer.curves:
        assert [share.fraction for share in curve.shares] == [0.25, 1.0]
        assert curve.shares[1].n_images == len(prepared.dataset.train)
        for share in curve.shares:
            assert len(share.risks) == len(share.disagreements) == 2
            assert all(0 <= risk <= 1 for risk in (*share.risks, *share.disagreements))
    assert len({curve.shares[1].risks for curve in transfer.curves}) == 2


def test_agreement_is_that_of_the_first_curves_largest_share(
    transfer: Transfer, prepared: PreparedStudy
) -> None:
    assert transfer.agrees.shape == (2, len(prepared.dataset.validation))
    differs = 1 - transfer.agrees.double().mean(dim=1)
    assert differs.tolist() == pytest.approx(transfer.curves[0].shares[-1].disagreements)


def test_the_same_run_measures_the_same(
    run: Run, prepared: PreparedStudy, transfer: Transfer
) -> None:
    again = measured(run, prepared)
    for ours, theirs in zip(again.curves, transfer.curves, strict=True):
        assert [share.risks[0] for share in ours.shares] == [s.risks[0] for s in theirs.shares]


def test_images_outside_of_a_part_and_answers_to_them_are_not_looked_at(
    run: Run, prepared: PreparedStudy, transfer: Transfer
) -> None:
    (part, _) = parts_of(run, prepared, (0.25, 1.0))
    dataset, views = prepared.dataset, prepared.outputs.views
    assert views is not None
    outside = torch.ones(len(dataset.train), dtype=torch.bool)
    outside[part] = False
    images, answers = dataset.train.images.clone(), views.clone()
    images[outside], answers[:, outside] = 255, 0
    spoilt = replace(
        prepared,
        dataset=replace(dataset, train=Split(images, dataset.train.labels)),
        outputs=replace(prepared.outputs, views=answers),
    )
    found = measured(run, spoilt)
    for ours, theirs in zip(found.curves, transfer.curves, strict=True):
        assert ours.shares[0].risks[0] == theirs.shares[0].risks[0]
        assert ours.shares[1].risks[0] != theirs.shares[1].risks[0]


def test_progress_counts_the_epochs_of_all_trainings(run: Run, prepared: PreparedStudy) -> None:
    told: list[tuple[str, int, int]] = []
    measure_transfer(
        run,
        TRAINED,
        prepared=prepared,
        fractions=(1.0,),
        n_seeds=1,
        progress=lambda *news: told.append(news),
    )
    assert told == [("diagnose", done, 8) for done in range(1, 9)]


def test_a_trial_without_distillation_has_one_curve(
    make_spec: MakeSpec, prepared: PreparedStudy, tmp_path: Path
) -> None:
    run = write_run(tmp_path / "none", make_spec(), prepared, method="none")
    assert [curve.method for curve in measured(run, prepared, (1.0,)).curves] == ["none"]


def test_illegal_arguments_are_refused(run: Run) -> None:
    with pytest.raises(DiagnosisError, match="seeds must be at least 1, found 0"):
        check_transfer(run, (1.0,), n_seeds=0)
    with pytest.raises(DiagnosisError, match="must ascend"):
        check_transfer(run, (1.0, 0.5), n_seeds=1)


def test_mixed_views_are_measured_on_all_images_only(
    make_spec: MakeSpec, prepared: PreparedStudy, tmp_path: Path
) -> None:
    run = write_run(tmp_path / "mixed", make_spec(views={"mix": "mixup"}), prepared)
    check_transfer(run, (1.0,), n_seeds=1)
    with pytest.raises(DiagnosisError, match=r"mix images \(mixup\).*only fraction 1"):
        check_transfer(run, (0.5, 1.0), n_seeds=1)
