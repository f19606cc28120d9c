"""How a network that learns beside the student runs."""

from torch import Tensor, nn

__all__ = ["run_beside"]


def run_beside(network: nn.Module, inputs: Tensor) -> Tensor:
    """Run a network that a method trains along, in training mode.

    One image alone has no batch statistics: batch norm refuses it where its maps have a single
    pixel. It is run by the running statistics instead, which it then does not change. How many
    images there are is known on the host, so nothing here waits for a device.

    Args:
        network: The network; its mode is set.
        inputs: ``(batch, channels, height, width)``.

    Returns:
        What the network gives, ``(batch, classes)``, float32; carries gradients.
    """
    trains = len(inputs) > 1
    if network.training != trains:
        network.train(trains)
    logits: Tensor = network(inputs)
    return logits.float()
