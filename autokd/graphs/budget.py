"""Widths that meet a budget: how many channels each stage and the head get.

The exact total, everything included, has to come within 3 % of the budget. The search starts from
stage widths of 1:2:4 times one number and a head of twice the last stage. Channels are integers,
so widths then deviate: the least that brings the total within 1 %, or failing that 3 %.

Legal are stage widths that grow from stage to stage, by a factor of 4 at most, from 1, 2, 3 up to
512, 1024, 2048, none more than 8 channels away from its share of 1:2:4; and a head of one to four
times the last stage, or without its 1x1 convolution. Widths that grow differ, which keeps the
total a polynomial: a merge needs a 1x1 convolution exactly where an edge enters another stage.
"""

import itertools
import math
from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

from autokd.errors import InfeasibleError, StudentTooLarge, StudentTooSmall
from autokd.graphs.cost import Placed, head_layers, node_layers, stem_layers
from autokd.graphs.draft import N_STAGES, Draft
from autokd.graphs.ir import ArchGraph, InputShape, Node

__all__ = ["TOLERANCE", "Totals", "Widths", "fit"]

TOLERANCE = 0.03
"""Largest legal distance of the total from the budget, relative to the budget."""

Widths = tuple[int, int, int]
"""Channels of the three stages."""

_GOAL = 0.01
_RATIOS = (1, 2, 4)
_NARROWEST = (1, 2, 3)
_WIDEST = (512, 1024, 2048)
_LARGEST_STEP = 4
"""Largest ratio of two neighbouring stages' widths."""
_HEAD_RATIO = 2
_LARGEST_HEAD_RATIO = 4
_HEAD_WEIGHT = 0.25
"""An octave of the head's width counts as a quarter of an octave between two stages."""
_REACHES = (1, 2, 4, 8)
"""Channels that a stage may be away from its share of 1:2:4, tried one after the other."""


class Totals:
    """Weights of a draft for any stage widths, without walking its nodes again.

    Args:
        draft: The nodes.
        shape: What the student reads and answers.
    """

    def __init__(self, draft: Draft, shape: InputShape) -> None:
        self._stem, self._last, self._shape = draft.nodes[0], draft.nodes[-1], shape
        self._products: Counter[tuple[int, int]] = Counter()
        self._linear = [0] * N_STAGES
        self._constant = 0
        self._heads: dict[int, tuple[int, int]] = {}
        for node in draft.nodes[1:]:
            for placed in node_layers(draft.nodes, node):
                self._add(placed)

    def body(self, widths: Widths) -> int:
        """Count the weights of stem and nodes.

        Args:
            widths: Channels of the three stages, growing, >= 1.

        Returns:
            The count.
        """
        total = _params(stem_layers(_widened(self._stem, widths[0]), self._shape.channels))
        for (source, target), n in self._products.items():
            total += n * widths[source] * widths[target]
        for n, width in zip(self._linear, widths, strict=True):
            total += n * width
        return total + self._constant

    def head(self, width: int, head_channels: int) -> int:
        """Count the weights of the head.

        Args:
            width: Channels of the last stage, >= 1.
            head_channels: Channels of the head's 1x1 convolution, 0 for a head without one.

        Returns:
            The count.
        """
        if not head_channels:
            return self._count_head(width, 0)
        one, each = self.head_line(width)
        return one + (head_channels - 1) * each

    def head_line(self, width: int) -> tuple[int, int]:
        """Count the weights of heads with a 1x1 convolution: they are linear in its channels.

        Args:
            width: Channels of the last stage, >= 1.

        Returns:
            The count for one channel, and what each further one adds.
        """
        if width not in self._heads:
            one = self._count_head(width, 1)
            self._heads[width] = one, self._count_head(width, 2) - one
        return self._heads[width]

    def _count_head(self, width: int, head_channels: int) -> int:
        last = _widened(self._last, width)
        return _params(head_layers(last, head_channels, self._shape.num_classes))

    def _add(self, placed: Placed) -> None:
        # A draft's channels are stages from 1.
        layer, source, target = placed.layer, placed.fan_in - 1, placed.fan_out - 1
        if layer.product:
            self._products[source, target] += layer.product
        self._linear[source] += layer.per_input
        self._linear[target] += layer.per_output
        self._constant += layer.constant


def fit(draft: Draft, budget: float, *, shape: InputShape) -> ArchGraph:
    """Give a draft the widths that meet a budget.

    Args:
        draft: The nodes.
        budget: Weights that the student shall have, count, > 0.
        shape: What the student reads and answers.

    Returns:
        The student, its exact total within 3 % of the budget; its notes give the stage widths
        where they are not 1:2:4.

    Raises:
        StudentTooSmall: If the legal total nearest to the budget lies more than 3 % below it.
        StudentTooLarge: If it lies more than 3 % above it.
    """
    totals = Totals(draft, shape)
    best = _search(totals, budget)
    if best.error > TOLERANCE:
        raise _refusal(best, totals, budget)
    nodes = tuple(_widened(node, best.widths[node.channels - 1]) for node in draft.nodes)
    return ArchGraph(nodes, best.head_channels, (*draft.notes, *_notes(best.widths)))


class _Candidate(NamedTuple):
    """Ordered by preference: within 1 % before within 3 %, then close to 1:2:4."""

    grade: float
    deviation: float
    error: float
    widths: Widths
    head_channels: int
    total: int


def _search(totals: Totals, budget: float) -> _Candidate:
    scale = _scale(totals, budget)
    for reach in _REACHES:
        best = min(_candidates(totals, budget, _ranges(scale, reach)))
        if best.error <= _GOAL:
            break
    return best


def _scale(totals: Totals, budget: float) -> float:
    """Find the multiple of 1:2:4 at which the total, which grows with it, passes the budget."""
    low, high = 0.0, float(_WIDEST[0])
    for _ in range(20):
        middle = (low + high) / 2
        widths = _centre(middle)
        total = totals.body(widths) + totals.head(widths[-1], _HEAD_RATIO * widths[-1])
        low, high = (middle, high) if total < budget else (low, middle)
    return high


def _centre(scale: float) -> Widths:
    first, second, third = (
        max(narrowest, round(scale * ratio))
        for narrowest, ratio in zip(_NARROWEST, _RATIOS, strict=True)
    )
    return first, second, third


def _ranges(scale: float, reach: int) -> list[range]:
    return [
        range(max(narrowest, centre - reach), min(widest, centre + reach) + 1)
        for centre, narrowest, widest in zip(_centre(scale), _NARROWEST, _WIDEST, strict=True)
    ]


def _candidates(totals: Totals, budget: float, ranges: list[range]) -> Iterator[_Candidate]:
    for first, second, third in itertools.product(*ranges):
        widths = (first, second, third)
        if not _is_legal(widths):
            continue
        body = totals.body(widths)
        for head_channels in (0, _solve_head(totals, third, budget - body)):
            total = body + totals.head(third, head_channels)
            yield _candidate(widths, head_channels, total=total, budget=budget)


def _is_legal(widths: Widths) -> bool:
    return all(
        narrow < wide <= _LARGEST_STEP * narrow for narrow, wide in itertools.pairwise(widths)
    )


def _solve_head(totals: Totals, width: int, room: float) -> int:
    """Choose the head that fills the room best; its weights are linear in its channels."""
    one, each = totals.head_line(width)
    exact = 1 + round((room - one) / each)
    return min(max(exact, width), _LARGEST_HEAD_RATIO * width)


def _candidate(widths: Widths, head_channels: int, *, total: int, budget: float) -> _Candidate:
    error = abs(total - budget) / budget
    grade = 0.0 if error <= _GOAL else 1.0 if error <= TOLERANCE else 1.0 + error / TOLERANCE
    octaves = [math.log2(wide / narrow) for narrow, wide in itertools.pairwise(widths)]
    # Without its 1x1 convolution the head counts as half as wide as the narrowest that has one.
    head = (head_channels or widths[-1] / 2) / (_HEAD_RATIO * widths[-1])
    deviation = sum(abs(octave - 1) for octave in octaves) + _HEAD_WEIGHT * abs(math.log2(head))
    return _Candidate(grade, deviation, error, widths, head_channels, total)


def _notes(widths: Widths) -> list[str]:
    first, second, third = widths
    if (second, third) == (2 * first, 4 * first):
        return []
    return [f"stage widths {first}, {second}, {third} instead of 1:2:4"]


def _refusal(best: _Candidate, totals: Totals, budget: float) -> InfeasibleError:
    is_small = best.total < budget
    narrowest = totals.body(_NARROWEST) + totals.head(_NARROWEST[-1], 0)
    widest = _WIDEST[-1]
    largest = totals.body(_WIDEST) + totals.head(widest, _LARGEST_HEAD_RATIO * widest)
    if narrowest > budget:
        why = f"even the narrowest student has {narrowest:,} params"
    elif largest < budget:
        why = f"even the widest student has {largest:,} params"
    else:
        why = f"no legal widths come nearer than {best.total:,} params"
    kind = StudentTooSmall if is_small else StudentTooLarge
    side = "below" if is_small else "above"
    return kind(
        f"params_budget {budget:,.0f} cannot be met within {TOLERANCE:.0%}: {why}, "
        f"{best.error:.1%} {side} it",
        violation=best.error,
    )


def _widened(node: Node, channels: int) -> Node:
    # By hand: `replace` takes five times as long, and this is done for every node.
    return Node(node.op, node.inputs, channels, node.stride, node.merge)


def _params(layers: list[Placed]) -> int:
    return sum(layer.params(fan_in, fan_out) for layer, fan_in, fan_out, _ in layers)
