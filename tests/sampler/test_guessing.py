from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution
from optuna.trial import TrialState

from autokd.sampler.encoding import Encoding
from autokd.sampler.guessing import Guess
from autokd.sampler.history import Seen

SPACE: dict[str, BaseDistribution] = {
    "width": FloatDistribution(0, 1),
    "op": CategoricalDistribution(("plain", "wide")),
}
ENCODING = Encoding(SPACE)
MAXIMISED_THEN_MINIMISED = np.array([-1.0, 1.0])


def seen(point: Mapping[str, Any], *features: float, **known: float) -> Seen:
    told = {int(name[1:]): value for name, value in known.items()}
    return Seen(point, TrialState.COMPLETE, {}, features=features, known=told)


def size(point: Mapping[str, Any]) -> float:
    return float(3.0 + point["width"] + (0.5 if point["op"] == "wide" else 0.0))


def tried(n: int) -> list[Seen]:
    points = [ENCODING.point(row) for row in ENCODING.random(n, np.random.default_rng(0))]
    return [seen(p, 10 * size(p), p["width"] ** 2, o1=size(p)) for p in points]


def test_sizes_and_features_of_unseen_points_are_guessed() -> None:
    guess = Guess.of(ENCODING, tried(25), MAXIMISED_THEN_MINIMISED)
    assert guess is not None
    units = ENCODING.random(50, np.random.default_rng(1))
    found = guess.candidates(units)
    points = [ENCODING.point(row) for row in units]
    sizes = [size(p) for p in points]
    assert np.array_equal(found.units, units)
    assert found.known(1) == pytest.approx(sizes, abs=0.05)
    assert [p.features[0] for p in found.previews] == pytest.approx([10 * s for s in sizes], abs=1)
    squares = [p["width"] ** 2 for p in points]
    assert [p.features[1] for p in found.previews] == pytest.approx(squares, abs=0.05)
    assert {p.key for p in found.previews} == {""}


def test_a_maximised_objective_is_guessed_in_the_direction_in_which_previews_tell_it() -> None:
    trials = [seen(t.params, o0=-size(t.params)) for t in tried(25)]  # trials hold it minimised
    guess = Guess.of(ENCODING, trials, MAXIMISED_THEN_MINIMISED)
    assert guess is not None
    units = ENCODING.random(20, np.random.default_rng(1))
    sizes = [size(ENCODING.point(row)) for row in units]
    assert guess.candidates(units).known(0) == pytest.approx(sizes, abs=0.05)


def test_a_number_that_never_changed_is_guessed_to_stay() -> None:
    trials = [seen(t.params, 7.0, o1=size(t.params)) for t in tried(10)]
    guess = Guess.of(ENCODING, trials, MAXIMISED_THEN_MINIMISED)
    assert guess is not None
    previews = guess.candidates(ENCODING.random(5, np.random.default_rng(1))).previews
    assert [p.features[0] for p in previews] == pytest.approx([7.0] * 5)


@pytest.mark.parametrize(
    "trials",
    [
        pytest.param(tried(2), id="two previews"),
        pytest.param([seen(t.params) for t in tried(9)], id="previews that tell nothing"),
        pytest.param([], id="nothing"),
    ],
)
def test_little_knowledge_is_no_guess(trials: list[Seen]) -> None:
    assert Guess.of(ENCODING, trials, MAXIMISED_THEN_MINIMISED) is None


def test_trials_whose_previews_told_something_else_do_not_count() -> None:
    others = [seen(t.params, 1.0, 2.0, 3.0) for t in tried(20)]
    guess = Guess.of(ENCODING, [*others, *tried(25)], MAXIMISED_THEN_MINIMISED)
    assert guess is not None
    units = ENCODING.random(20, np.random.default_rng(1))
    alone = Guess.of(ENCODING, tried(25), MAXIMISED_THEN_MINIMISED)
    assert alone is not None
    assert guess.candidates(units).previews == alone.candidates(units).previews
