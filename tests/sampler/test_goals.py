import numpy as np
import pytest
from optuna.distributions import FloatDistribution
from optuna.trial import TrialState

from autokd.sampler.encoding import Encoding
from autokd.sampler.goals import found_reference, parents
from autokd.sampler.history import Seen
from autokd.sampler.model import Task

LINE = Encoding({"x": FloatDistribution(0, 1)})


def complete(x: float, *values: float, violation: float = -1.0) -> Seen:
    results = {1.0: np.array(values)}
    return Seen(
        {"x": x}, TrialState.COMPLETE, results, is_complete=True, violations={"c": violation}
    )


def near(trials: list[Seen]) -> list[float]:
    task = Task(LINE, trials, 1.0, np.ones(2), np.ones(2), all_rungs=True)
    return [float(x) for x in parents(task)[:, 0]]


def test_parents_are_the_members_of_the_front_the_latest_first() -> None:
    trials = [complete(0.1, 1, 3), complete(0.2, 3, 3), complete(0.3, 2, 2), complete(0.4, 3, 1)]
    assert near(trials) == pytest.approx([0.4, 0.3, 0.1])
    assert near([]) == []


def test_there_are_at_most_twenty_parents() -> None:
    trials = [complete(i / 50, i, -i) for i in range(30)]
    assert near(trials) == pytest.approx([i / 50 for i in range(29, 9, -1)])


def test_infeasible_trials_are_parents_only_without_feasible_ones() -> None:
    trials = [complete(0.1, 0, 0, violation=0.5), complete(0.2, 1, 1)]
    assert near(trials) == pytest.approx([0.2])
    assert near(trials[:1]) == pytest.approx([0.1])


def test_what_is_not_complete_or_not_finite_is_no_parent() -> None:
    running = Seen({"x": 0.5}, TrialState.RUNNING, {0.5: np.zeros(2)})
    assert near([running, complete(0.1, np.inf, 0.0), complete(0.2, 1, 1)]) == pytest.approx([0.2])


def reference(*trials: Seen, n_objectives: int = 2) -> list[float]:
    return [float(value) for value in found_reference(trials, 1.0, n_objectives)]


def test_the_reference_is_a_tenth_of_the_fronts_span_beyond_its_worst() -> None:
    front = [complete(0, 0.0, 30.0), complete(0, 2.0, 10.0)]
    assert reference(*front, complete(0, 100.0, 100.0)) == pytest.approx([2.2, 32.0])


def test_a_front_without_span_takes_that_of_all_values() -> None:
    alone = complete(0, 0.0, 1000.0)
    assert reference(alone, complete(0, 1.0, 5000.0)) == pytest.approx([0.1, 1400.0])
    assert reference(alone) == [1.0, 1001.0]
    assert reference(complete(0, 3.0), n_objectives=1) == [4.0]


def test_infeasible_trials_do_not_tighten_the_reference() -> None:
    trials = [complete(0, 0, 0, violation=1.0), complete(0, 4, 6), complete(0, 6, 4)]
    assert reference(*trials) == pytest.approx([6.2, 6.2])


def test_without_final_values_it_is_one() -> None:
    assert reference() == [1.0, 1.0]
    assert reference(complete(0, np.inf, 0.0)) == [1.0, 1.0]
