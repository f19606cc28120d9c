"""The ``[kd]`` table: which domain each method reads, and what does not belong there."""

from pathlib import Path
from typing import Any

import pytest

from autokd.domains import Domain, FixedDomain
from autokd.errors import DefinitionError
from autokd.kd_table import Dimension, flattened, kd_dimensions
from autokd.space import SearchSpace, read_space

FLOAT = {"type": "float", "low": 1.0, "high": 2.0}
SHARE = {"type": "float", "low": 0.5, "high": 1.0}


def space(*methods: str, **kd: Any) -> SearchSpace:
    method: dict[str, Any] = {"type": "fixed", "value": methods[0]}
    if len(methods) > 1:
        method = {"type": "categorical", "choices": list(methods)}
    raw = {
        "title": "Chains",
        "generator": "chain",
        "architecture": {"params_budget": {"type": "fixed", "value": 1e4}},
        "kd": {"method": method, **kd},
    }
    return read_space(raw, source="a.toml")


def dimensions(*methods: str, **kd: Any) -> dict[str, Dimension]:
    found = list(kd_dimensions(space(*methods, **kd).kd))
    assert len({dimension.name for dimension in found}) == len(found)
    return {dimension.name: dimension for dimension in found}


def users(*methods: str, **kd: Any) -> dict[str, set[str]]:
    return {name: set(d.methods or ()) for name, d in dimensions(*methods, **kd).items()}


def fixed(value: float) -> Domain:
    return FixedDomain(type="fixed", value=value)


def test_tables_of_methods_become_flat_and_what_is_flat_stays() -> None:
    raw = {"temperature": FLOAT, "dkd": {"beta": FLOAT, "alpha": 3}, "nkd.gamma": FLOAT}
    flat = {"temperature": FLOAT, "dkd.beta": FLOAT, "dkd.alpha": 3, "nkd.gamma": FLOAT}
    assert flattened(raw) == flat
    assert flattened(flat) == flat


def test_a_domain_with_a_table_inside_is_no_table_of_a_method() -> None:
    broken = {"temperature": {"type": "fixed", "value": {}}, "kd": {}}
    assert flattened(broken) == broken


def test_a_shared_parameter_is_one_dimension_of_all_methods_that_have_it() -> None:
    assert users("none", "kd", "dkd", "ctkd", temperature=FLOAT) == {
        "kd.temperature": {"kd", "dkd"},
        "kd.soft_weight": {"kd", "ctkd"},
        "kd.dkd.alpha": {"dkd"},
        "kd.dkd.beta": {"dkd"},
        "kd.ctkd.t_start": {"ctkd"},
        "kd.ctkd.t_end": {"ctkd"},
        "kd.ctkd.decay_fraction": {"ctkd"},
    }


def test_a_methods_own_domain_wins_over_the_shared_one() -> None:
    found = dimensions("kd", "dkd", temperature=FLOAT, dkd={"temperature": SHARE})
    assert found["kd.temperature"].methods == frozenset({"kd"})
    assert found["kd.dkd.temperature"].methods == frozenset({"dkd"})
    assert found["kd.dkd.temperature"].domain.model_dump()["low"] == 0.5


def test_an_unmentioned_parameter_keeps_the_default_of_its_own_method() -> None:
    found = {name: d.domain for name, d in dimensions("kd", "nkd", "fitnet").items()}
    assert found == {
        "kd.temperature": fixed(4.0),
        "kd.soft_weight": fixed(0.9),
        "kd.nkd.temperature": fixed(3.0),  # not what the others have
        "kd.nkd.gamma": fixed(3.5),
        "kd.fitnet.weight": fixed(100.0),
        "kd.fitnet.soft_weight": fixed(0.0),
    }


def test_a_shared_domain_reaches_methods_whose_default_is_another() -> None:
    found = users("kd", "nkd", "fitnet", temperature=FLOAT, soft_weight=SHARE)
    assert found["kd.temperature"] == {"kd", "nkd", "fitnet"}
    assert found["kd.soft_weight"] == {"kd", "fitnet"}


def test_an_unmentioned_option_is_no_dimension() -> None:
    assert not [name for name in users("kd", "dkd") if "fraction" in name or "stand" in name]


def test_an_option_is_a_dimension_of_the_methods_that_take_it() -> None:
    flag = {"type": "categorical", "choices": [False, True]}
    found = users("none", "kd", "fitnet", kd_off_fraction=SHARE, standardise=flag)
    assert found["kd.kd_off_fraction"] == {"kd", "fitnet"}
    assert found["kd.standardise"] == {"kd"}


def test_an_option_can_be_given_to_one_method() -> None:
    found = users("kd", "dkd", dkd={"kd_off_fraction": SHARE})
    assert found["kd.dkd.kd_off_fraction"] == {"dkd"}
    assert "kd.kd_off_fraction" not in found


@pytest.mark.parametrize(
    ("methods", "kd", "message"),
    [
        (
            ["kd", "dkd"],
            {"ctkd": {"t_end": FLOAT}},
            r"\[kd.ctkd\] is of no use: \[kd.method\] chooses from \['dkd', 'kd'\]$",
        ),
        (
            ["kd", "dkd"],
            {"dkkd": {"beta": FLOAT}},
            r"\[kd.dkkd\] is not one of \['dkd', 'kd'\]; did you mean 'dkd'\?$",
        ),
        (
            ["kd", "dkd"],
            {"dkd": {"betta": FLOAT}},
            (
                r"\[kd.dkd.betta\] is not one of \['alpha', 'beta', 'kd_off_fraction', .*"
                r"'temperature'\]; did you mean 'beta'\?$"
            ),
        ),
        (
            ["kd", "dkd"],
            {"beta": FLOAT},
            r"\[kd.beta\] is not one of \['dkd', 'kd', .*\]; did you mean 'dkd.beta'\?$",
        ),
        (["none", "kd"], {"none": {"beta": FLOAT}}, r"\[kd.none.beta\] is not one of \[\]$"),
        (["none"], {"temperature": FLOAT}, r"\[kd.temperature\] is not one of \[\]$"),
        (["fitnet"], {"standardise": FLOAT}, r"\[kd.standardise\] is not one of \['fitnet', "),
        (
            ["kd"],
            {"temperature": FLOAT, "kd": {"temperature": FLOAT}},
            (
                r"\[kd.temperature\] is of no use: each method has its own, "
                r"\['kd.temperature'\]$"
            ),
        ),
        (
            ["dkd"],
            {"dkd": {"beta": {"type": "float", "low": -1.0, "high": 2.0}}},
            r"\[kd.dkd.beta\] must be a float in \[0, 1e\+06\], found -1.0$",
        ),
        (
            ["dkd"],
            {"dkd": {"beta": {"type": "int", "low": 1, "high": 2}}},
            r"\[kd.dkd.beta.type\] must suit a float in \[0, 1e\+06\], found 'int'$",
        ),
        (["dkd"], {"dkd": {"beta": 3.0}}, r"\[kd.dkd.beta\] must be a table, found 3.0$"),
        (
            ["dkd"],
            {"dkd": {"beta": {"type": "float", "low": 3.0, "high": 2.0}}},
            r"\[kd.dkd.beta.low\] must not exceed high, found 3.0 and 2.0$",
        ),
        (["dkd"], {"dkd": {}}, r"\[kd.dkd.type\] is missing$"),
        (["kd", "dkdd"], {}, r"\[kd.method\] must be one of .* found 'dkdd'; did you mean 'dkd'"),
        (
            ["kd", "no_such_module:gentle"],
            {},
            r"\[kd.method\] 'no_such_module:gentle' cannot be imported: No module named",
        ),
    ],
)
def test_mistake_is_answered_with_key_and_legal_values(
    methods: list[str], kd: dict[str, Any], message: str
) -> None:
    with pytest.raises(DefinitionError, match=rf"^a\.toml: {message}"):
        space(*methods, **kd)


@pytest.fixture
def _user_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = [
        "def gentle(seen, *, slope=0.5, temperature=2.0): ...",
        "def kd(seen): ...",
    ]
    (tmp_path / "own_losses.py").write_text("\n".join(lines))
    monkeypatch.syspath_prepend(tmp_path)


@pytest.mark.usefixtures("_user_module")
def test_a_method_of_ones_own_has_a_table_of_its_functions_name() -> None:
    method = "own_losses:gentle"
    found = dimensions("kd", method, gentle={"slope": FLOAT}, soft_weight=SHARE)
    assert found["kd.gentle.slope"].methods == frozenset({method})
    assert found["kd.gentle.temperature"].domain == fixed(2.0)
    assert found["kd.soft_weight"].methods == frozenset({"kd"})
    with pytest.raises(DefinitionError, match=r"\[kd.gentle.slop\] is not one of .*'slope'\?$"):
        space("kd", method, gentle={"slop": FLOAT})


@pytest.mark.usefixtures("_user_module")
def test_two_methods_cannot_share_a_table() -> None:
    message = r"\[kd.method\] must name functions of different names, found \['kd', 'kd'\]$"
    with pytest.raises(DefinitionError, match=message):
        space("kd", "own_losses:kd")
