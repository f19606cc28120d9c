from typing import Any

import numpy as np
import pytest

from autokd.sampler.encoding import Encoding
from autokd.search.earlier import EarlierRun
from autokd.search.previews import sampler_space
from autokd.search.queued import Queued
from autokd.search.warm import WarmStart, begin_warm, telling


def _run(*, metrics: tuple[str, ...] = ("top1", "params"), n: int = 12) -> EarlierRun:
    budgets = np.geomspace(2e3, 5e4, n).tolist()
    point = {"kd.method": "kd", "kd.temperature": 4.0, "kd.soft_weight": 0.5}
    points = [{"architecture.params_budget": budget, **point} for budget in budgets]
    shown = [{"top1": i / n, "params": budget} for i, budget in enumerate(budgets)]
    results = tuple({4: {name: each[name] for name in metrics}} for each in shown)
    return EarlierRun(
        run="runs/a",
        started="noon",
        title="Before",
        fingerprint={},
        queue=(Queued(points[0], "front of runs/a, trial 0"),),
        skipped=("trial 3 of runs/a: why",),
        points=tuple(points),
        results=results,
    )


def test_baselines_come_before_the_fronts_of_earlier_runs(make_spec: Any) -> None:
    warm = begin_warm(make_spec(start={"chain": [3_000, 9_000]}), [_run(), _run()])
    assert [queued.origin for queued in warm.queue] == [
        "chain baseline of 3,000 params",
        "chain baseline of 9,000 params",
        "front of runs/a, trial 0",
        "front of runs/a, trial 0",
    ]
    assert begin_warm(make_spec(), []) == WarmStart()


@pytest.mark.parametrize(
    ("metrics", "is_known"),
    [(("top1", "params"), [True, True]), (("params",), [False, True]), ((), [False, False])],
)
def test_objectives_with_the_same_metric_are_learned_from(
    make_spec: Any, metrics: tuple[str, ...], is_known: list[bool]
) -> None:
    spec = make_spec(sampler={"name": "autokd"})
    space = sampler_space(spec.search_space)
    (earlier,) = begin_warm(spec, [_run(metrics=metrics)]).earlier
    encoding = Encoding(space.distributions, space.conditions)
    units = encoding.units(_run().points)
    said = [earlier.opinion(encoding, units, index) for index in range(2)]
    assert [bool(each.any()) for each in said] == is_known
    if is_known[0]:
        assert said[0][0] > said[0][-1]  # larger students err less
    if is_known[1]:
        assert said[1][0] < said[1][-1]


@pytest.mark.parametrize("name", ["tpe", "nsga2", "random"])
def test_other_samplers_take_the_queue_alone(make_spec: Any, name: str) -> None:
    spec = make_spec(sampler={"name": name})
    warm = begin_warm(spec, [_run()])
    assert len(warm.queue) == 1
    assert warm.earlier == ()
    assert telling(spec, [_run()], begins=True)[-1] == (
        f"            sampler {name} learns nothing else from it"
    )


def test_a_search_says_what_it_begins_with(make_spec: Any) -> None:
    spec = make_spec(sampler={"name": "autokd"}, start={"chain": [3_000]})
    assert telling(spec, [_run()], begins=True) == [
        "queued      1 chain baseline",
        "queued      1 student of the front of runs/a",
        "not queued  trial 3 of runs/a: why",
        "learns from 12 trials of runs/a",
    ]
    assert "not queued" not in " ".join(telling(spec, [_run()], begins=False))
    assert telling(make_spec(), [], begins=True) == []
