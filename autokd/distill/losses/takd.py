"""Method ``takd``: the last assistant of a chain teaches, in place of the teacher.

The chain itself is the study's: each assistant under ``[[assistants]]`` is smaller than the one
before it, and is taught by it (``taught_by = "previous"``). The teacher's own logits are not read.
"""

from torch import Tensor

from autokd.distill.losses.seen import Seen
from autokd.distill.losses.several import assistant_logits
from autokd.distill.losses.terms import hard_loss, soft_loss

__all__ = ["takd"]


def takd(seen: Seen, *, temperature: float, soft_weight: float) -> Tensor:
    """Plain distillation from the last assistant.

    Args:
        seen: The batch; reads student logits, ``(batch, classes)``, labels, and assistant logits,
            ``(batch, assistants, classes)``, largest assistant first.
        temperature: Softening of both sides in the soft term, > 0.
        soft_weight: Weight of the soft term, in [0, 1]; the hard term gets the rest.

    Returns:
        ``soft_weight * soft + (1 - soft_weight) * hard`` in nats, shape ``()``; NaN for an empty
        batch.

    Raises:
        ShapeError: If there are no assistants, or the shapes do not go together.

    Source: Mirzadeh et al. 2020, arXiv:1902.03393, equation 3 for the last step of the chain; its
        lambda is ``soft_weight``. The authors' code averages the divergence over the classes too;
        here it is their sum.
    """
    last = assistant_logits(seen)[:, -1]
    soft = soft_loss(seen.student_logits, last, temperature=temperature)
    hard = hard_loss(seen.student_logits, seen.labels)
    return soft_weight * soft + (1.0 - soft_weight) * hard
