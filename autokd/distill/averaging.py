"""The mean of a network's weights over several steps, and the batch norms that belong to it.

What `torch.optim.swa_utils` does, on the network itself: `AveragedModel` copies the whole module,
hooks included, and `update_bn` turns on dropout and a form of the running mean that the students'
own batch norm does not have. Tests hold both to torch's results.
"""

from collections.abc import Iterable

import torch
from torch import Tensor, nn

__all__ = ["WeightAverage", "estimate_norms"]

_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.SyncBatchNorm)


class WeightAverage:
    """The mean of parameters over the steps at which they were added.

    Nothing in it waits for a device. It works between steps and never inside of one, so that a
    recorded step knows nothing of it.

    Args:
        parameters: They stay where they are; the mean takes as much memory as they do.
    """

    def __init__(self, parameters: Iterable[nn.Parameter]) -> None:
        self._parameters: list[Tensor] = list(parameters)
        self._means = [torch.zeros_like(parameter) for parameter in self._parameters]
        self._n = 0

    @torch.no_grad()
    def add(self) -> None:
        """Count the parameters in as they are now."""
        self._n += 1
        # The first one replaces the mean, whatever that was.
        torch._foreach_lerp_(self._means, self._parameters, 1.0 / self._n)

    @torch.no_grad()
    def install(self) -> None:
        """Set the parameters to their mean, if any were added, and begin another one."""
        if self._n:
            torch._foreach_copy_(self._parameters, self._means)
        self._n = 0


@torch.no_grad()
def estimate_norms(module: nn.Module, batches: Iterable[Tensor]) -> None:
    """Work out the running statistics of batch norms anew, for weights that have changed.

    They become the mean of the statistics of all batches. Nothing else is in training mode
    meanwhile, so dropout does not change what norms see.

    Args:
        module: Takes a batch; left in evaluation mode.
        batches: Images in [0, 1], each ``(batch, channels, size, size)``, of two or more; none at
            all leave the statistics as they were.

    Source: Izmailov et al. 2018, arXiv:1803.05407, section 3.2.
    """
    module.eval()
    norms = [part for part in module.modules() if isinstance(part, _NORMS)]
    norms = [norm for norm in norms if norm.track_running_stats]
    if not norms:
        return
    momenta = [norm.momentum for norm in norms]
    try:
        for number, images in enumerate(batches, 1):
            for norm in norms:
                norm.train()
                norm.momentum = 1.0 / number
            module(images)
    finally:
        for norm, momentum in zip(norms, momenta, strict=True):
            norm.momentum = momentum
            norm.eval()
