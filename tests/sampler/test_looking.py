from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from optuna.distributions import FloatDistribution

from autokd.sampler import Preview
from autokd.sampler.encoding import Encoding
from autokd.sampler.looking import looked_at

LINE = Encoding({"x": FloatDistribution(0, 1)})
UNITS = np.random.default_rng(0).random((1000, 1))
NOBODY = np.empty((0, 1))


class Bound:
    """Refuses what is above a bound, and counts who was looked at."""

    def __init__(self, most: float) -> None:
        self.most = most
        self.seen: list[float] = []

    def __call__(self, point: Mapping[str, Any]) -> Preview:
        self.seen.append(point["x"])
        return Preview(f"{point['x']}", is_feasible=point["x"] <= self.most)


def look(bound: Bound, *, worth: Any = None, trained: Any = NOBODY, **more: Any) -> list[float]:
    worth = UNITS[:, 0] if worth is None else worth
    found = looked_at(
        LINE, UNITS, worth, trained=trained, preview=bound, **{"tried": (), "n": 10, **more}
    )
    return sorted(found.units[:, 0].tolist())


def test_the_most_promising_are_looked_at_and_nobody_else() -> None:
    bound = Bound(1.0)
    assert look(bound) == sorted(UNITS[:, 0])[-10:]
    assert len(bound.seen) == 10


@pytest.mark.parametrize("most", [0.7, 0.4, 0.1])
def test_refusals_lead_to_the_best_of_what_is_feasible(most: float) -> None:
    bound = Bound(most)
    found = look(bound, trained=most * np.array([[0.1], [0.3], [0.6], [0.9]]))
    assert len(found) >= 10
    assert 0.85 * most < np.median(found) <= most
    assert len(bound.seen) <= 70


def test_without_a_trained_point_refusals_alone_still_lead_to_something_feasible() -> None:
    assert len(look(Bound(0.1))) >= 10


def test_if_only_the_infeasible_promise_anything_the_feasible_are_found_all_the_same() -> None:
    worth = np.where(UNITS[:, 0] > 0.05, 1.0, 1e-12)
    assert look(Bound(0.05), worth=worth, trained=np.array([[0.0]]))


def test_what_was_tried_is_no_refusal() -> None:
    best = sorted(UNITS[:, 0].tolist())
    bound = Bound(1.0)
    found = look(bound, tried=[f"{x}" for x in best[-10:]])
    assert found == best[-20:-10]
    assert len(bound.seen) == 20


def test_it_ends_when_nothing_is_feasible_or_nothing_is_left() -> None:
    bound = Bound(-1.0)
    assert look(bound) == []
    assert len(bound.seen) == 100
    assert len(look(Bound(1.0), tried=[f"{x}" for x in UNITS[:, 0]])) == 0
    few = Bound(0.5)
    assert look(few, n=2000) == sorted(x for x in UNITS[:, 0].tolist() if x <= 0.5)


def test_keys_are_different() -> None:
    def preview(point: Mapping[str, Any]) -> Preview:
        return Preview(f"{int(20 * point['x'])}")

    found = looked_at(LINE, UNITS, UNITS[:, 0], trained=NOBODY, preview=preview, tried=["19"], n=5)
    assert [each.key for each in found.previews][:2] == ["18", "17"] or len(found) < 5
    assert len({each.key for each in found.previews}) == len(found)
    assert "19" not in {each.key for each in found.previews}
