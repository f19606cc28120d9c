import pytest

from autokd.checking import validate
from autokd.errors import DefinitionError
from autokd.start import Start


def test_budgets_keep_their_order() -> None:
    assert validate(Start, {"chain": [30_000, 3_000.0]}, source="s").chain == (3e4, 3e3)
    assert Start().chain == ()


@pytest.mark.parametrize(
    ("chain", "message"),
    [
        ([3_000, 300], r"s: \[chain\] must be a float in \[500, 2e\+07\] each, found 300"),
        ([3_000, 3e3], r"s: \[chain\] must all be different, found \[3000.0, 3000.0\]"),
        (3_000, r"s: \[chain\] must be a list, found 3000"),
        (["3k"], r"s: \[chain.0\] must be a number, found '3k'"),
    ],
)
def test_a_budget_that_no_chain_can_have_is_refused(chain: object, message: str) -> None:
    with pytest.raises(DefinitionError, match=message):
        validate(Start, {"chain": chain}, source="s")
