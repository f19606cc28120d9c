import pytest

from autokd.errors import DefinitionError
from autokd.graphs.settings import OP, PARAMS_BUDGET, Settings
from autokd.parameters import Parameter, Value

DEPTH = Parameter("depth", "int", 3, "op nodes", low=1, high=9)
PARAMETERS = (PARAMS_BUDGET, OP, DEPTH)


def test_missing_values_are_the_defaults() -> None:
    settings = Settings({"params_budget": 1000}, PARAMETERS)
    assert settings.integer("depth") == 3
    assert settings.choice("op") == "conv3x3"


def test_whole_number_is_a_legal_float() -> None:
    number = Settings({"params_budget": 1000}, PARAMETERS).number("params_budget")
    assert isinstance(number, float)
    assert number == 1000


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "architecture.params_budget is missing and has no default"),
        ({"dept": 3}, r"architecture.dept is not one of \['depth', 'op'.*did you mean 'depth'\?"),
        ({"depth": 10}, r"architecture.depth must be an int in \[1, 9\], found 10"),
        ({"depth": 2.0}, r"architecture.depth must be an int in \[1, 9\], found 2.0"),
        ({"op": "conv"}, r"architecture.op must be one of \['conv3x3', .* found 'conv'"),
        ({"params_budget": 499}, r"architecture.params_budget must be a float in \[500, 2e\+07\]"),
    ],
)
def test_illegal_value_is_named_with_what_is_legal(given: dict[str, Value], message: str) -> None:
    budget: dict[str, Value] = {"params_budget": 1e4} if given else {}
    with pytest.raises(DefinitionError, match=message):
        Settings({**budget, **given}, PARAMETERS)
