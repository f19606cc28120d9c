from typing import Any

from autokd.parameters import Value
from autokd.search.queued import Queued, baselines
from autokd.start import Start


def test_a_baseline_is_a_default_chain_with_the_usual_distillation(make_spec: Any) -> None:
    space = make_spec().search_space
    first, second = baselines(Start(chain=(3e4, 3e3)), space)
    assert first.point == {
        "generator": "chain",
        "architecture.params_budget": 3e4,
        "architecture.op": "conv3x3",
        "architecture.depth": 3,
        "architecture.shortcuts": True,
        "kd.method": "kd",
        "kd.temperature": 4.0,
        "kd.soft_weight": 0.9,
    }
    assert second.point == {**first.point, "architecture.params_budget": 3e3}
    assert [each.origin for each in (first, second)] == [
        "chain baseline of 30,000 params",
        "chain baseline of 3,000 params",
    ]
    assert baselines(Start(), space) == []


def _kd(make_spec: Any, kd: dict[str, Any]) -> dict[str, Any]:
    space = make_spec().search_space.model_dump(mode="json")
    spec = make_spec(search_space={**space, "kd": kd})
    (baseline,) = baselines(Start(chain=(3e3,)), spec.search_space)
    return {name: v for name, v in baseline.point.items() if name.startswith("kd.")}


def test_distillation_keeps_to_what_the_space_allows(make_spec: Any) -> None:
    cold = {"type": "float", "low": 1.0, "high": 3.0}
    strong = {"type": "fixed", "value": 1.0}
    methods = {"type": "categorical", "choices": ["none", "kd"]}
    assert _kd(make_spec, {"method": methods, "temperature": cold, "soft_weight": strong}) == {
        "kd.method": "kd",
        "kd.temperature": 2.0,  # the default is none of its values: the middle
        "kd.soft_weight": 1.0,
    }


def test_without_kd_the_first_method_distils_it(make_spec: Any) -> None:
    methods = {"type": "categorical", "choices": ["none", "dkd"]}
    assert _kd(make_spec, {"method": methods}) == {"kd.method": "none"}


def test_a_baseline_s_architecture_is_none_of_the_space_s_parameters() -> None:
    names = dict.fromkeys(["architecture.params_budget", "kd.temperature"])
    point: dict[str, Value] = {
        "architecture.params_budget": 3e3,
        "kd.temperature": 4.0,
        "kd.method": "kd",
    }
    member, baseline = Queued(point, ""), Queued({"generator": "chain", **point}, "")
    assert member.searched(names) == {"architecture.params_budget": 3e3, "kd.temperature": 4.0}
    assert baseline.searched(names) == {"kd.temperature": 4.0}
    assert (member.is_baseline, baseline.is_baseline) == (False, True)
