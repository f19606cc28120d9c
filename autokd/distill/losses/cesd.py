"""Method ``cesd``: every image is taught by exactly one expert, chosen by how hard it is.

Experts are the assistants and the teacher: easy images go to the smallest assistant, the hardest
to the teacher. The source gives neither its measure of difficulty nor its schedule, and there is
no code; both are ours. Difficulty is the rank, within the batch, of the teacher's cross-entropy
with the label. The curriculum admits one more expert at a time, the larger the later: at first the
smallest assistant teaches everything, in the last stretch hard images have reached the teacher.
"""

import torch
from torch import Tensor

from autokd.distill.losses.seen import Seen
from autokd.distill.losses.several import assistant_logits
from autokd.distill.losses.shapes import check_same
from autokd.distill.losses.terms import hard_loss, hard_losses, soft_loss

__all__ = ["cesd", "chosen_experts"]


def cesd(seen: Seen, *, temperature: float, soft_weight: float, curriculum: bool) -> Tensor:
    """Plain distillation of every image from its own expert.

    Args:
        seen: The batch; reads student and teacher logits, ``(batch, classes)``, labels, assistant
            logits, ``(batch, assistants, classes)``, largest assistant first, and progress.
        temperature: Softening of both sides in the soft term, > 0.
        soft_weight: Weight of the soft term, in [0, 1]; the hard term gets the rest.
        curriculum: Whether larger experts are admitted only as training goes on.

    Returns:
        ``soft_weight * soft + (1 - soft_weight) * hard`` in nats, shape ``()``; NaN for an empty
        batch.

    Raises:
        ShapeError: If teacher or assistants are missing, or the shapes do not go together.

    Source: Amara et al. 2022, arXiv:2209.07606; difficulty and schedule are ours.
    """
    teacher = check_same(seen.student_logits, seen.teacher_logits).detach()
    teacher = teacher.to(seen.student_logits.dtype).unsqueeze(1)
    experts = torch.cat([assistant_logits(seen).flip(1), teacher], dim=1)
    chosen = chosen_experts(
        hard_losses(teacher[:, 0], seen.labels),
        n_experts=experts.shape[1],
        progress=seen.progress if curriculum else None,
    )
    targets = experts[torch.arange(len(chosen), device=chosen.device), chosen]
    soft = soft_loss(seen.student_logits, targets, temperature=temperature)
    hard = hard_loss(seen.student_logits, seen.labels)
    return soft_weight * soft + (1.0 - soft_weight) * hard


def chosen_experts(
    difficulties: Tensor, *, n_experts: int, progress: Tensor | None = None
) -> Tensor:
    """Choose the expert of every image.

    Args:
        difficulties: The larger the harder, ``(batch,)``; of equal ones the first counts as the
            easier, NaN as the hardest.
        n_experts: Experts, smallest first, >= 1.
        progress: Share of the training that is done, ``()``, in [0, 1): expert k is admitted once
            it reaches k / n_experts, and teaches what later experts will. None admits all.

    Returns:
        Index of the expert, int64, ``(batch,)``. With all admitted, as many images go to each as
        the batch allows; an image alone goes to the smallest.
    """
    n = len(difficulties)
    ranks = difficulties.argsort(stable=True).argsort(stable=True)
    chosen = torch.div(ranks * n_experts, max(n, 1), rounding_mode="floor")
    if progress is None:
        return chosen
    return torch.minimum(chosen, (progress * n_experts).floor().to(chosen.dtype))
