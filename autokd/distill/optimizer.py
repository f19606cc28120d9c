"""The optimizer: SGD with Nesterov momentum, and weight decay on matrices and kernels only.

Torch's own step without the class around it: `torch.optim.SGD` imports torch's compiler, two
seconds in every process, and its bookkeeping takes three times as long as the fused step itself,
which counts when a whole training step takes 20 ms.
"""

from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.optim.sgd import sgd

from autokd.study import Training

__all__ = ["Sgd"]


class Sgd:
    """SGD with Nesterov momentum over the parameters of one module.

    Biases, batch norms and merge scalars have one dimension and are not decayed: they are too few
    to overfit, and decay would only pull them from where the data needs them.

    Attributes:
        training: Momentum and weight decay.
    """

    def __init__(self, parameters: Iterable[nn.Parameter], training: Training) -> None:
        self.training = training
        trained = [parameter for parameter in parameters if parameter.requires_grad]
        self._groups = [
            _Group([p for p in trained if p.ndim > 1], training.weight_decay),
            _Group([p for p in trained if p.ndim <= 1], 0.0),
        ]

    @torch.no_grad()
    def step(self, learning_rate: float | Tensor) -> None:
        """Change the parameters by their gradients, and drop the gradients.

        Args:
            learning_rate: Size of the step, > 0. A float32 tensor of shape ``()`` on the
                parameters' device is read there, so that a recorded step can be replayed with
                another one.
        """
        for group in self._groups:
            group.step(learning_rate, momentum=self.training.momentum)

    def momenta(self) -> list[Tensor]:
        """List what the optimizer remembers.

        Returns:
            The momenta themselves, each of the shape ``(...)`` of its parameter, always in the
            same order.
        """
        return [momenta for group in self._groups for momenta in group.momenta]


class _Group:
    def __init__(self, parameters: list[nn.Parameter], weight_decay: float) -> None:
        self.parameters = parameters
        self.weight_decay = weight_decay
        # Zeros, not None: a parameter may get its first gradient later than its neighbours.
        self.momenta = [torch.zeros_like(parameter) for parameter in parameters]

    def step(self, learning_rate: float | Tensor, *, momentum: float) -> None:
        ready = [
            (parameter, parameter.grad, buffer)
            for parameter, buffer in zip(self.parameters, self.momenta, strict=True)
            if parameter.grad is not None
        ]
        if not ready:
            return
        parameters, gradients, momenta = (list(column) for column in zip(*ready, strict=True))
        sgd(
            parameters,
            gradients,
            momenta,
            fused=True,
            foreach=False,
            weight_decay=self.weight_decay,
            momentum=momentum,
            lr=learning_rate,
            dampening=0.0,
            nesterov=momentum > 0,
            maximize=False,
        )
        for parameter in parameters:
            parameter.grad = None
