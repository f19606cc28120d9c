"""Method ``fsbbt``: few images, and of the teacher nothing but probabilities.

A study gives the teacher as an array of probabilities (``source = "probabilities"``) and a few
images a class (``images_per_class``). The source makes more images, by mixing and by a variational
autoencoder; here views may be mixed (``[views] mix``), and nothing is generated.

The loss is the cross-entropy with the teacher's soft prediction. It exceeds `soft_loss` by the
teacher's entropy, which no student changes: the gradients are the same, the values are not.
"""

import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from autokd.distill.losses.seen import Seen

__all__ = ["fsbbt"]


def fsbbt(seen: Seen, *, temperature: float) -> Tensor:
    """Cross-entropy of the student's prediction with the teacher's, without hard labels.

    Args:
        seen: The batch; reads student and teacher logits, ``(batch, classes)``. Logarithms of
            probabilities serve as teacher logits.
        temperature: Softening of both sides, > 0; 1, the source's, uses the probabilities as they
            are. The result is scaled by its square.

    Returns:
        Cross-entropy in nats times the squared temperature, mean over the batch, shape ``()``; NaN
        for an empty batch.

    Raises:
        ShapeError: If there are no teacher logits, or their shape differs.

    Source: Nguyen et al. 2022, Black-box Few-shot Knowledge Distillation, ECCV: the loss alone,
        which has no term of hard labels.
    """
    student, teacher = seen.pair()
    target = (teacher / temperature).softmax(dim=1)
    return F.cross_entropy(student / temperature, target) * temperature**2
