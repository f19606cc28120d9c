"""Candidates: points that could be tried next, and what is known of them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from autokd.pareto.arrays import Floats
from autokd.sampler.encoding import Encoding
from autokd.sampler.preview import Preview, Previewer

__all__ = ["Candidates", "draw_units", "key_of", "previewed"]


@dataclass(frozen=True, slots=True)
class Candidates:
    """Feasible points that were not tried yet.

    Attributes:
        units: Their units, ``(candidates, parameters)``.
        effective: Units of what they come to, which a model reads.
        previews: What is known of each.
    """

    units: Floats
    effective: Floats
    previews: Sequence[Preview]

    def __len__(self) -> int:
        return len(self.previews)

    @classmethod
    def unseen(cls, units: Floats) -> "Candidates":
        """Make candidates of points of which nothing else is known, tried or not."""
        return cls(units, units, [Preview("")] * len(units))

    @classmethod
    def joined(cls, parts: Sequence["Candidates"]) -> "Candidates":
        """Put candidates of the same space together; at least one part."""
        return cls(
            np.concatenate([part.units for part in parts]),
            np.concatenate([part.effective for part in parts]),
            [preview for part in parts for preview in part.previews],
        )

    def only(self, index: int) -> "Candidates":
        """Give one candidate alone."""
        some = slice(index, index + 1)
        return Candidates(self.units[some], self.effective[some], self.previews[some])

    def known(self, index: int) -> Floats:
        """Give a known objective, in the study's direction, ``(candidates,)``."""
        return np.asarray([preview.known[index] for preview in self.previews], dtype=float)


def draw_units(
    encoding: Encoding, best: Floats, *, n: int, n_near: int, rng: np.random.Generator
) -> Floats:
    """Draw points, some anywhere and some near good ones.

    Args:
        encoding: The space.
        best: Units of the good ones, ``(points, parameters)``.
        n: How many anywhere, >= 0.
        n_near: How many near good ones, which take turns, >= 0; none where there is no good one.
        rng: Source of random numbers.

    Returns:
        Units, different from each other, in random order, ``(points, parameters)``.
    """
    units = encoding.random(n, rng)
    if len(best):
        near = encoding.changed(np.resize(best, (n_near, best.shape[1])), rng)
        units = np.concatenate([units, near])
    first = np.unique(np.nan_to_num(units, nan=-1.0), axis=0, return_index=True)[1]
    return np.asarray(units[rng.permutation(first)])


def previewed(
    encoding: Encoding,
    units: Floats,
    *,
    preview: Previewer | None,
    tried: Iterable[str],
    n: int | None = None,
) -> Candidates:
    """Look at points, and leave out what is infeasible or was tried.

    Args:
        encoding: The space.
        units: Points in the order in which they shall be looked at, ``(points, parameters)``.
        preview: Who knows; None knows only the point itself.
        tried: Keys of earlier trials.
        n: Where to stop; None looks at all.

    Returns:
        At most n candidates with different keys.
    """
    seen, kept, found, points = set(tried), [], [], []
    for i, row in enumerate(units):
        point = encoding.point(row)
        known = preview(point) if preview else Preview(key_of(point))
        if known.is_feasible and known.key not in seen:
            seen.add(known.key)
            kept.append(i)
            points.append({**point, **known.point})
            found.append(known)
            if n is not None and len(kept) == n:
                break
    effective = encoding.units(points) if preview else units[kept]
    return Candidates(units[kept], effective, found)


def key_of(point: Mapping[str, object]) -> str:
    """Name a point that nobody else names.

    Args:
        point: Values by name.

    Returns:
        The same text for equal points.
    """
    return repr(sorted(point.items()))
