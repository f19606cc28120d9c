from typing import Any

import pytest

from autokd.search.check import check_study
from autokd.search.teaching_cost import clock

ASSISTANT = {"model": "resnet8", "epochs": 3}


def _space(**kd: Any) -> dict[str, Any]:
    return {
        "title": "A space",
        "generator": "chain",
        "architecture": {"params_budget": {"type": "fixed", "value": 5e3}},
        "kd": kd,
    }


def _fixed(value: Any) -> dict[str, Any]:
    return {"type": "fixed", "value": value}


def test_assistants_are_priced_only_where_a_method_reads_them(make_spec: Any) -> None:
    with_kd = check_study(make_spec(assistants=[ASSISTANT]), device="cpu").teaching
    assert with_kd.assistants_s == 0
    assert with_kd.n_networks == 1
    space = _space(method=_fixed("takd"))
    taught = check_study(make_spec(search_space=space, assistants=[ASSISTANT]), device="cpu")
    assert taught.teaching.assistants_s > 0
    assert taught.teaching.n_networks == 2
    assert taught.teaching.table_bytes == 2 * with_kd.table_bytes
    assert any(line.startswith("assistants ") for line in taught.lines())
    assert any("outputs of 2 networks" in line for line in taught.lines())


def test_maps_are_priced_by_the_teachers_stages(make_spec: Any) -> None:
    space = _space(method=_fixed("at"))
    kept = check_study(make_spec(search_space=space), device="cpu")
    # resnet8 on 8 x 8 pixels: 16 channels of 8 x 8, 32 of 4 x 4 and 64 of 2 x 2, float16.
    a_view = 2 * kept.n_train * (16 * 64 + 32 * 16 + 64 * 4)
    assert kept.teaching.maps_bytes == kept.teaching.parts * a_view
    assert kept.teaching.maps_are_kept
    live = check_study(make_spec(search_space=space, features={"table_gb": 0.0}), device="cpu")
    assert not live.teaching.maps_are_kept
    assert any("runs with every step" in line for line in live.lines())


def test_each_role_of_the_teacher_has_a_table_of_its_own(make_spec: Any) -> None:
    roles = {"type": "categorical", "choices": ["same", "plain", "weak"]}
    spec = make_spec(search_space=_space(method=_fixed("kd"), teacher_views=roles))
    same = make_spec(search_space=_space(method=_fixed("kd")))
    priced, plain = (check_study(each, device="cpu").teaching for each in (spec, same))
    assert priced.table_bytes == 3 * plain.table_bytes


def test_depths_that_the_zoo_does_not_offer_by_name_are_priced_like_the_others(
    make_spec: Any,
) -> None:
    zoo = {"source": "zoo", "model": "resnet26", "epochs": 1}
    priced = check_study(make_spec(teacher=zoo), device="cpu").teaching
    assert priced.training_s is not None
    assert priced.training_s > 0
    assert priced.table_s is not None


@pytest.mark.parametrize(
    ("seconds", "said"), [(12.4, "12 s"), (89, "89 s"), (200, "3 min"), (5400, "1.5 h")]
)
def test_a_clock_speaks_in_the_unit_that_fits(seconds: float, said: str) -> None:
    assert clock(seconds) == said
