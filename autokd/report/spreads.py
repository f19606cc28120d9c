"""Which families spread less than others of their size, told from a few members of each.

The standard deviation of two or three members says little about a family: it is zero by luck as
easily as it is large. What many families show together says more. Spread usually falls with size,
so all families get one line of log variance over log10 params. How far families lie from the line,
beyond what so few members make by chance, says how spread differs among families of one size: half
of them spread less than what is *usual* there. It also says how much weight a family's own members
have, against all others, in the spread to *expect* of its next members.

Left out: families of different numbers of members, which no study has.
"""

from dataclasses import dataclass
from math import log, sqrt

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize
from scipy.special import betaln
from scipy.stats import chi2

__all__ = ["LEAST", "MARGIN", "Steadiness", "likely_range", "steadiness"]

LEAST = 5
"""Families below which none is compared with the others."""

MARGIN = 0.1
"""How far below the usual, as a fraction of it, the spread of a robust family is expected."""

_CONFIDENCE = 0.95
_DRAWS = 999
_SLOPE = 2.0
_PRIOR, _PRIOR_WIDTH = log(8), 2.0
_BOUNDS = ((-30.0, 30.0), (-10.0, 10.0), (-1.0, 8.0))

_Array = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Steadiness:
    """What families show together.

    Attributes:
        usual: Spread that half of the families of each family's size exceed, > 0, ``(families,)``.
        expected: Spread to expect of each family's next members, > 0, ``(families,)``.
        weight: Weight of a family's own members in the expected variance, in (0, 1).
        chance: Probability that families which all have the usual spread would differ as much as
            these, in (0, 1].
    """

    usual: _Array
    expected: _Array
    weight: float
    chance: float

    @property
    def ratio(self) -> _Array:
        """What is expected in units of what is usual, ``(families,)``."""
        return np.asarray(self.expected / self.usual)

    @property
    def is_told(self) -> bool:
        """Whether families differ by more than chance: only then is one called robust."""
        return self.chance < 1 - _CONFIDENCE

    @property
    def is_robust(self) -> npt.NDArray[np.bool_]:
        """Families that will probably spread less than is usual, ``(families,)``."""
        return np.asarray(self.is_told & (self.ratio <= 1 - MARGIN))

    @property
    def is_uneven(self) -> npt.NDArray[np.bool_]:
        """Families that will probably spread more than is usual, ``(families,)``."""
        return np.asarray(self.is_told & (self.ratio >= 1 + MARGIN))


def steadiness(spreads: _Array, params: _Array, *, n_members: int) -> Steadiness | None:
    """Compare families with others of their size.

    Args:
        spreads: Standard deviation (n - 1) over the members of each family, >= 0,
            ``(families,)``.
        params: Weights of each family, mean over its members, > 0, ``(families,)``.
        n_members: Members of each family, >= 2.

    Returns:
        What they show; None below `LEAST` families, or where no family has any spread.

    Source: Smyth 2004, Stat. Appl. Genet. Mol. Biol. 3(1), section 4: with d = n - 1, the variance
        of a family's members over the line follows F(d, d0), its true variance is d0 line over
        chi-squared(d0), and (d0 line + d seen) / (d0 + d) is expected. Here line and d0 are found
        together, by maximum likelihood with weak normal priors: on the slope (0, 2 a decade) and
        on log d0 (log 8, 2), which keep both finite where hardly any family spreads or none
        differs. Members are taken to scatter normally.
    """
    if len(spreads) < LEAST or not spreads.any():
        return None
    variances, n_free = spreads**2, n_members - 1
    line, prior = _fit(variances, np.log10(params), n_free=n_free)
    weight = n_free / (prior + n_free)
    return Steadiness(
        usual=np.sqrt(line * prior / chi2.median(prior)),
        expected=np.sqrt(weight * variances + (1 - weight) * line),
        weight=weight,
        chance=_chance(variances / line, n_free=n_free),
    )


def likely_range(n_members: int) -> tuple[float, float]:
    """Say what a family's spread may be, given that of its members.

    Args:
        n_members: Members, >= 2.

    Returns:
        Both ends of the 95 % interval in units of the spread seen, for values that scatter
        normally: 0.45 and 31.9 for two members, 0.52 and 6.28 for three.

    Source: The chi-squared distribution of a normal sample's variance.
    """
    n_free, tail = n_members - 1, (1 - _CONFIDENCE) / 2
    low, high = chi2.ppf([tail, 1 - tail], n_free)
    return sqrt(n_free / high), sqrt(n_free / low)


def _fit(variances: _Array, size: _Array, *, n_free: int) -> tuple[_Array, float]:
    """Find the line at each family, ``(families,)``, and d0."""
    scale, place = variances.mean(), size - size.mean()
    seen = n_free * variances / scale

    def cost(at: _Array) -> float:
        level, slope, log_prior = at
        line, prior = level + slope * place, np.exp(log_prior)
        both = (n_free + prior) / 2
        unlikely = (
            n_free / 2 * (log_prior + line)
            + both * np.log1p(seen * np.exp(-line) / prior)
            + betaln(n_free / 2, prior / 2)
        )
        far = (slope / _SLOPE) ** 2 + ((log_prior - _PRIOR) / _PRIOR_WIDTH) ** 2
        return float(unlikely.sum() + far / 2)

    start = np.array([0.0, 0.0, _PRIOR])
    level, slope, log_prior = minimize(cost, start, method="L-BFGS-B", bounds=_BOUNDS).x
    return np.asarray(scale * np.exp(level + slope * place)), float(np.exp(log_prior))


def _chance(relative: _Array, *, n_free: int) -> float:
    """Draw families of equal spread and count how often their variances differ as much."""
    rng, seen = np.random.default_rng(0), _unevenness(relative)
    drawn = (rng.chisquare(n_free, len(relative)) for _ in range(_DRAWS))
    n_as_far = sum(_unevenness(each) >= seen for each in drawn)
    return (1 + n_as_far) / (1 + _DRAWS)


def _unevenness(variances: _Array) -> float:
    return float(((variances / variances.mean()) ** 2).mean())
