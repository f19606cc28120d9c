import torch
from torch import nn

from autokd.distill.digests import module_digest, tensors_digest


def _module() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2))


def test_equal_weights_have_equal_digests_in_any_memory_layout() -> None:
    channels_last = _module().to(memory_format=torch.channels_last)
    assert module_digest(_module()) == module_digest(channels_last)
    assert len(module_digest(_module())) == 64


def test_a_changed_weight_or_buffer_changes_the_digest() -> None:
    digests = {module_digest(_module())}
    for name in ("0.weight", "1.bias", "1.running_mean", "1.num_batches_tracked"):
        module = _module()
        module.state_dict()[name].view(-1)[0] += 1
        digests.add(module_digest(module))
    assert len(digests) == 5


def test_weights_of_another_shape_or_type_have_another_digest() -> None:
    zeros = [torch.zeros(2, 3), torch.zeros(3, 2), torch.zeros(6), torch.zeros(2, 3).bfloat16()]
    modules = [nn.ParameterList([nn.Parameter(value)]) for value in zeros]
    assert len({module_digest(module) for module in modules}) == 4


class _WithExtra(nn.Module):
    def __init__(self, note: str) -> None:
        super().__init__()
        self.note = note

    def get_extra_state(self) -> str:
        return self.note

    def set_extra_state(self, state: str) -> None:
        self.note = state


def test_state_that_is_no_tensor_counts_too() -> None:
    assert module_digest(_WithExtra("a")) != module_digest(_WithExtra("b"))


def test_named_tensors_are_hashed_like_a_modules() -> None:
    state = _module().state_dict()
    assert tensors_digest(state) == module_digest(_module())
    assert tensors_digest(dict(reversed(state.items()))) == tensors_digest(state)
    assert tensors_digest({"other": state["0.weight"]}) != tensors_digest({"a": state["0.weight"]})
