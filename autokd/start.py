"""What a study tries before its sampler is asked.

A front of random graphs says little by itself; beside plain chains of the same sizes it says
whether the search paid. So a study can name such baselines, and they are its first trials.
"""

from typing import Annotated, Self

from pydantic import Field, model_validator

from autokd.checking import Checked, illegal
from autokd.graphs.settings import PARAMS_BUDGET

__all__ = ["Start"]


class Start(Checked):
    """Baselines, which are the first trials.

    Attributes:
        chain: The ``params_budget`` of each plain chain (`autokd.graphs.chain`), weights, all
            different: op, depth and shortcuts have the generator's defaults; they are distilled by
            ``kd``, or if that is none of the study's methods by the first, with its defaults.
    """

    chain: Annotated[tuple[float, ...], Field(strict=False)] = ()

    @model_validator(mode="after")
    def _drawable(self) -> Self:
        for budget in self.chain:
            if not PARAMS_BUDGET.accepts(budget):
                raise illegal("chain", f"must be {PARAMS_BUDGET.legal()} each, found {budget:g}")
        if len(set(self.chain)) < len(self.chain):
            raise illegal("chain", f"must all be different, found {list(self.chain)}")
        return self
