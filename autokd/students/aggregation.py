"""The weighted sum of a node's inputs, and the ReLU behind it, as one differentiable step.

Written as multiplications and additions, a sum of n inputs makes 2n maps of temporaries forward
and as many backward, and on small maps each call costs more than its arithmetic. Here one map is
written and added to in place, and the scalars' gradients are inner products.

`recomputed` trades time for memory: what a convolution reads is dropped after the forward pass and
worked out once more when its backward pass asks. What autograd keeps of a node is then the
convolution's output and the normalised one, two maps of three, or of four with a separable one.

Evaluation uses the plain form, which can be traced and exported.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.autograd.graph import saved_tensors_hooks
from torch.nn import functional

__all__ = ["aggregate", "fused", "recomputed"]

_LARGE = 2**16
"""Numbers in a map from which on memory traffic counts more than calls."""


def aggregate(
    base: Tensor | None,
    terms: Sequence[Tensor],
    scale: Tensor | None,
    *,
    rectified: bool,
    trains: bool,
) -> Tensor:
    """Add inputs, each times the sigmoid of its scalar.

    Args:
        base: Added as it is, ``(batch, channels, height, width)``, or None.
        terms: Inputs, same shape, at least one if base is None.
        scale: A scalar for each term, ``(terms,)``; None without terms.
        rectified: Whether a ReLU follows.
        trains: Whether a backward pass will come. Then large maps on a CPU take the fused form;
            on small ones the way through Python costs more than the temporaries that it saves,
            and on a GPU the plain form is what a CUDA graph records best.

    Returns:
        ``relu(base + sum of sigmoid(scale_i) * term_i)``, or without the ReLU, same shape.

    Source: Ru et al. 2020, arXiv:2004.01395, released code (the scalars).
    """
    if trains and terms and terms[0].is_cpu and terms[0].numel() >= _LARGE:
        return fused(base, terms, scale, rectified=rectified)
    total = base
    if scale is not None:
        # In the terms' own precision: CUDA's autocast would turn the sum into float32.
        factors = torch.sigmoid(scale).to(terms[0].dtype).unbind()
        for term, factor in zip(terms, factors, strict=True):
            total = term * factor if total is None else torch.addcmul(total, term, factor)
    assert total is not None, "a sum has inputs"
    return functional.relu(total) if rectified else total


def fused(
    base: Tensor | None, terms: Sequence[Tensor], scale: Tensor | None, *, rectified: bool
) -> Tensor:
    """Add inputs as `aggregate` does, in one step.

    Args:
        base: As for `aggregate`, ``(batch, channels, height, width)``.
        terms: As for `aggregate`, same shape.
        scale: As for `aggregate`, ``(terms,)``.
        rectified: As for `aggregate`.

    Returns:
        As `aggregate`, ``(batch, channels, height, width)``; its backward pass is the derivative
        of the formula.
    """
    total: Tensor = _Aggregate.apply(_Sum(base, terms, scale, rectified), base, scale, *terms)
    return total


def recomputed(
    base: Tensor | None,
    terms: Sequence[Tensor],
    scale: Tensor | None,
    *,
    then: Sequence[Callable[[Tensor], Tensor]],
) -> Tensor:
    """Apply functions to the rectified sum without keeping what they read for the backward pass.

    Args:
        base: As for `aggregate`, ``(batch, channels, height, width)``.
        terms: As for `aggregate`, same shape.
        scale: As for `aggregate`, ``(terms,)``.
        then: Functions to apply one after the other, at least one, such as the two convolutions
            of a separable one. All but the last are run once more in the backward pass.

    Returns:
        What the last function makes, ``(batch, channels', height', width')``.
    """
    recipe = _Sum(base, terms, scale, rectified=True, keeps=False)
    maps: Tensor = _Aggregate.apply(recipe, base, scale, *terms)
    recipes: dict[_Place, Callable[[], Tensor]] = {}
    again = recipe.value
    precision = _autocast_of(maps)

    # Autograd keeps both functions: naming the maps themselves here would keep the maps alive.
    def pack(tensor: Tensor) -> Tensor | Callable[[], Tensor]:
        return recipes.get(_place(tensor), tensor)

    def unpack(packed: Tensor | Callable[[], Tensor]) -> Tensor:
        return packed if isinstance(packed, Tensor) else packed()

    with saved_tensors_hooks(pack, unpack):
        for function in then:
            recipes = {_place(maps): again}
            maps = function(maps)
            again = partial(_once_more, function, again, precision)
    return maps


_Place = tuple[int, torch.Size]


def _place(tensor: Tensor) -> _Place:
    return tensor.data_ptr(), tensor.shape


def _autocast_of(maps: Tensor) -> Callable[[], torch.autocast]:
    """The precision of the forward pass, for a backward pass that runs outside of it."""
    device = maps.device.type
    enabled, dtype = torch.is_autocast_enabled(device), torch.get_autocast_dtype(device)
    return partial(torch.autocast, device, dtype=dtype, enabled=enabled, cache_enabled=False)


def _once_more(
    function: Callable[[Tensor], Tensor],
    source: Callable[[], Tensor],
    precision: Callable[[], torch.autocast],
) -> Tensor:
    with torch.no_grad(), precision():
        return function(source())


class _Sum:
    """How a sum is worked out, now and perhaps once more.

    It holds the inputs detached: what it is asked for in a backward pass needs no gradient.
    """

    def __init__(
        self,
        base: Tensor | None,
        terms: Sequence[Tensor],
        scale: Tensor | None,
        rectified: bool,
        *,
        keeps: bool = True,
    ) -> None:
        self.has_base = base is not None
        self._base = None if base is None else base.detach()
        self.terms = [term.detach() for term in terms]
        # In the terms' own precision: a float32 factor would turn a bfloat16 sum into float32.
        self.factors = None if scale is None else torch.sigmoid(scale.detach()).to(terms[0].dtype)
        self.rectified = rectified
        self.keeps = keeps
        self._value: Tensor | None = None

    def value(self) -> Tensor:
        """The sum; worked out at most once until `forget`."""
        if self._value is None:
            self._value = self._work_out()
        return self._value

    def forget(self) -> None:
        """Drop the sum, and what only another working out would read."""
        self._value = None
        if self.keeps:
            self._base = None

    def split(self) -> Sequence[Any]:
        """Factors for multiplication: numbers on a CPU, which is faster; elsewhere tensors."""
        if self.factors is None:
            return []
        return self.factors.tolist() if self.factors.is_cpu else self.factors.unbind()

    def _work_out(self) -> Tensor:
        factors = self.split()
        if self._base is not None:
            total, rest = self._base.clone(memory_format=torch.preserve_format), 0
        else:
            total, rest = self.terms[0] * factors[0], 1
        for term, factor in zip(self.terms[rest:], factors[rest:], strict=True):
            if isinstance(factor, float):
                total.add_(term, alpha=factor)
            else:
                total.addcmul_(term, factor)
        return total.relu_() if self.rectified else total


class _Aggregate(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, recipe: _Sum, base: Tensor | None, scale: Tensor | None, *terms: Tensor
    ) -> Tensor:
        ctx.recipe = recipe
        total = recipe.value()
        recipe.forget()
        if recipe.rectified and recipe.keeps:
            ctx.save_for_backward(total)
        return total

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        recipe: _Sum = ctx.recipe
        (gradient,) = gradients
        if recipe.rectified:
            total = ctx.saved_tensors[0] if recipe.keeps else recipe.value()
            gradient = torch.ops.aten.threshold_backward(gradient, total, 0)
            recipe.forget()
        factors = recipe.factors
        if factors is None:
            return None, gradient, None
        inner = torch.stack([_inner(gradient, term) for term in recipe.terms])
        slopes = inner * (factors * (1 - factors)).to(inner.dtype)
        to_terms = [gradient * factor for factor in recipe.split()]
        return None, gradient if recipe.has_base else None, slopes, *to_terms


def _inner(one: Tensor, other: Tensor) -> Tensor:
    """Inner product of two maps, shape ``()``."""
    alike = one.stride() == other.stride() and one.dtype in (torch.float32, torch.float64)
    if alike and one.is_contiguous(memory_format=torch.channels_last):
        return torch.dot(*(maps.permute(0, 2, 3, 1).reshape(-1) for maps in (one, other)))
    return (one * other).sum(dtype=torch.promote_types(one.dtype, torch.float32))
