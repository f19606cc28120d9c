"""Expected improvement against the hypervolume itself: drawn outcomes, and exact ones."""

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import norm

from autokd.pareto import gain, hypervolume
from autokd.pareto.arrays import Floats
from autokd.sampler import improvement
from autokd.sampler.improvement import Predicted, expected_improvement
from autokd.sampler.warp import Warp


def almost_linear() -> Warp:
    """A warp that is, near 0, the identity up to a part in ten thousand."""
    return Warp(best=-100.0, spread=1e4, shift=np.log1p(0.01), scale=1 / (1e4 * 1.01))


def predicted(mean: list[float], deviation: list[float], warp: Warp) -> Predicted:
    return Predicted(np.array(mean), np.array(deviation), warp)


def front(n_objectives: int, *, n: int = 8, seed: int = 0) -> Floats:
    drawn = np.abs(np.random.default_rng(seed).normal(size=(n, n_objectives)))
    return np.asarray(1 - drawn / np.linalg.norm(drawn, axis=1, keepdims=True))


@pytest.mark.parametrize("n_objectives", [1, 2, 3])
def test_it_is_the_mean_gain_of_drawn_outcomes(n_objectives: int) -> None:
    rng, warp = np.random.default_rng(1), Warp.of(np.array([0.0, 0.4, 0.5, 1.0]))
    points, reference = front(n_objectives), np.full(n_objectives, 1.1)
    means = rng.normal(size=(n_objectives, 3))
    coordinates = [Predicted(mean, np.array([0.2, 0.5, 1.0]), warp) for mean in means]
    found = expected_improvement(coordinates, points, reference)
    volume = hypervolume(points, reference)
    for i in range(3):
        z = np.column_stack(
            [c.mean[i] + c.deviation[i] * rng.normal(size=2000) for c in coordinates]
        )
        gains = [hypervolume([*points, y], reference) - volume for y in warp.back(z)]
        error = np.std(gains) / len(gains) ** 0.5
        assert found[i] == pytest.approx(
            np.mean(gains), abs=4 * error + 0.03 * np.mean(gains) + 1e-6
        )


@pytest.mark.parametrize("n_objectives", [1, 2, 3, 4])
def test_known_coordinates_give_the_gain_itself(n_objectives: int) -> None:
    points, reference = front(n_objectives), np.full(n_objectives, 1.1)
    candidates = np.random.default_rng(2).random((20, n_objectives)) * 1.3
    found = expected_improvement(list(candidates.T), points, reference)
    expected = [gain(candidate, points, reference) for candidate in candidates]
    assert found == pytest.approx(expected, abs=1e-12)


def test_a_prediction_without_doubt_is_a_known_coordinate() -> None:
    points, reference = front(2), np.array([1.1, 1.1])
    candidates = np.random.default_rng(3).random((20, 2)) * 1.2
    warp = Warp.of(candidates[:, 0])
    sure = Predicted(warp.forward(candidates[:, 0]), np.full(20, 1e-9), warp)
    found = expected_improvement([sure, candidates[:, 1]], points, reference)
    expected = expected_improvement(list(candidates.T), points, reference)
    assert found == pytest.approx(expected, abs=1e-8)


@pytest.mark.parametrize("best", [-0.5, 0.0, 0.8])
def test_with_one_objective_it_is_the_closed_form_of_expected_improvement(best: float) -> None:
    mean, deviation = np.array([-1.0, 0.0, 0.5]), np.array([0.5, 1.0, 2.0])
    coordinate = Predicted(mean, deviation, almost_linear())
    found = expected_improvement([coordinate], np.array([[best]]), np.array([1e3]))
    z = (best - mean) / deviation
    assert found == pytest.approx(deviation * (z * norm.cdf(z) + norm.pdf(z)), rel=0.03, abs=0.01)


def test_of_two_equal_predictions_the_smaller_size_is_worth_more() -> None:
    equal = predicted([0.0, 0.0], [0.3, 0.3], almost_linear())
    found = expected_improvement(
        [equal, np.array([0.2, 0.4])], np.array([[0.5, 0.5]]), np.array([1.0, 1.0])
    )
    assert found[0] > 1.5 * found[1] > 0


def test_size_beyond_the_reference_is_worth_nothing() -> None:
    hopeful = predicted([-5.0], [1.0], almost_linear())
    found = expected_improvement([hopeful, np.array([1.0])], front(2), np.array([1.0, 1.0]))
    assert found.tolist() == [0.0]


def test_without_a_front_the_box_below_the_reference_counts() -> None:
    found = expected_improvement(
        [np.array([0.25]), np.array([0.5])], np.empty((0, 2)), np.array([1.0, 1.0])
    )
    assert found == pytest.approx([0.75 * 0.5])


def test_many_boxes_are_added_up_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    points, reference = front(3, n=15), np.full(3, 1.1)
    candidates = list(np.random.default_rng(4).random((3, 7)))
    whole = expected_improvement(candidates, points, reference)
    monkeypatch.setattr(improvement, "_BLOCK", 30)
    assert expected_improvement(candidates, points, reference) == pytest.approx(whole)
    assert whole.max() > 0


@pytest.mark.parametrize("edge", [-0.3, 0.01, 0.2, 0.7, 3.0, 100.0])
def test_what_is_expected_below_an_edge_is_its_integral(edge: float) -> None:
    warp = Warp.of(np.array([0.0, 0.1, 0.3, 0.5, 0.9]))
    for mean, deviation in [(0.0, 1.0), (-1.5, 0.1), (2.0, 0.5), (-3.0, 2.0)]:
        found = predicted([mean], [deviation], warp).below(np.array([edge]))[0, 0]
        strike = (edge - warp.best) / warp.spread + 1  # the outcome is never below 0 of these
        level = (np.log(strike) - warp.shift) / warp.scale if strike > 0 else -np.inf
        last = (level - mean) / deviation

        def paid(z: float, mean: float = mean, deviation: float = deviation) -> float:
            return float((edge - warp.back(np.array(mean + deviation * z))) * norm.pdf(z))

        expected = quad(paid, -12, min(last, 12), epsabs=1e-14, limit=200)[0] if last > -12 else 0
        assert found == pytest.approx(expected, rel=1e-6, abs=1e-12)


def test_far_from_an_edge_nothing_overflows() -> None:
    warp = Warp.of(np.array([0.0, 0.1, 0.3, 0.5, 0.9]))
    found = predicted([0.0, 400.0, -400.0], [60.0, 1e-9, 1e-9], warp).below(
        np.array([-np.inf, warp.best - 2 * warp.spread, 0.5])
    )
    assert found[:, :2].tolist() == [[0.0, 0.0]] * 3
    assert 0 < found[0, 2] <= 0.5 + warp.spread
    assert found[1, 2] == 0
    assert found[2, 2] == pytest.approx(0.5 - warp.best + warp.spread)
