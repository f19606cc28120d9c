import json

import pytest

from autokd.diagnose.transfer import Curve, Share, Transfer, mean_and_std


def test_falls_compare_means_and_seeds(transfer: Transfer) -> None:
    first, second = transfer.curves[0].falls()
    assert first.mean == pytest.approx(0.1)
    assert (first.fell, first.n_fell, first.n_seeds) == (True, 2, 3)
    assert second.mean == pytest.approx(-0.02)
    assert (second.fell, second.n_fell) == (False, 1)


def test_equal_risk_is_no_fall(transfer: Transfer) -> None:
    assert [(fall.fell, fall.n_fell) for fall in transfer.curves[1].falls()] == [(False, 0)] * 2


def test_one_share_has_nothing_to_fall_from() -> None:
    assert Curve("kd", (Share(1.0, 4, (0.5,), (0.5,)),)).falls() == ()


def test_spread_is_that_of_n_minus_1_and_missing_for_one_seed() -> None:
    assert list(mean_and_std([1.0, 3.0])) == pytest.approx([2.0, 2**0.5])
    assert mean_and_std([1.0]) == (1.0, None)


def test_numbers_are_json(transfer: Transfer) -> None:
    said = json.loads(json.dumps(transfer.as_dict()))
    assert said["curves"][0]["shares"][0]["risks"] == [0.3, 0.4, 0.5]
    assert [fall["fell"] for fall in said["curves"][0]["falls"]] == [True, False]
    assert (said["epochs"], said["n_seeds"]) == (8, 3)
