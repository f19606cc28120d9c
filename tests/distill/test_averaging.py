import pytest
import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, update_bn

from autokd.distill.averaging import WeightAverage, estimate_norms
from autokd.students.norm import BatchNorm


def _network(*, norm: type[nn.BatchNorm2d] = nn.BatchNorm2d, dropout: float = 0.0) -> nn.Module:
    torch.manual_seed(3)
    return nn.Sequential(nn.Conv2d(1, 3, 3), nn.Dropout(dropout), norm(3), nn.ReLU(), norm(3))


def _batches(n: int = 3, *, size: int = 6) -> list[Tensor]:
    generator = torch.Generator().manual_seed(1)
    return [torch.rand(4, 1, size, size, generator=generator) for _ in range(n)]


def _shift(module: nn.Module) -> None:
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(torch.randn_like(parameter))


def test_the_mean_is_that_of_torch() -> None:
    ours = _network()
    theirs, average = AveragedModel(ours), WeightAverage(ours.parameters())
    for _ in range(4):
        _shift(ours)
        average.add()
        theirs.update_parameters(ours)
    places = [parameter.data_ptr() for parameter in ours.parameters()]
    average.install()
    for mine, other in zip(ours.parameters(), theirs.module.parameters(), strict=True):
        torch.testing.assert_close(mine, other)
    assert [parameter.data_ptr() for parameter in ours.parameters()] == places


def test_a_mean_of_one_step_is_that_step_bit_for_bit_and_forgets_the_mean_before() -> None:
    network = _network()
    average = WeightAverage(network.parameters())
    for _ in range(2):
        _shift(network)
        average.add()
    average.install()
    _shift(network)
    expected = [parameter.detach().clone() for parameter in network.parameters()]
    average.add()
    _shift(network)
    average.install()
    for parameter, value in zip(network.parameters(), expected, strict=True):
        assert torch.equal(parameter, value)


def test_a_mean_of_no_steps_changes_nothing() -> None:
    network = _network()
    before = [parameter.detach().clone() for parameter in network.parameters()]
    WeightAverage(network.parameters()).install()
    for parameter, value in zip(network.parameters(), before, strict=True):
        assert torch.equal(parameter, value)


def test_statistics_are_those_of_torch() -> None:
    ours, theirs = _network(), _network()
    estimate_norms(ours, _batches())
    update_bn(_batches(), theirs)
    for name, value in theirs.state_dict().items():
        torch.testing.assert_close(ours.state_dict()[name], value)
    assert not torch.equal(ours.get_buffer("2.running_mean"), torch.zeros(3))


def test_the_students_own_batch_norm_is_worked_out_alike() -> None:
    # Large enough for the folded form, which knows no running mean without a momentum.
    ours, torchs = _network(norm=BatchNorm), _network()
    for network in (ours, torchs):
        network.to(memory_format=torch.channels_last)
    batches = [batch.repeat(16, 1, 1, 1) for batch in _batches(size=24)]
    estimate_norms(ours, batches)
    estimate_norms(torchs, batches)
    for name in ("2.running_mean", "2.running_var", "4.running_mean", "4.running_var"):
        torch.testing.assert_close(
            ours.get_buffer(name), torchs.get_buffer(name), rtol=1e-4, atol=1e-5
        )


def test_dropout_and_momentum_stay_out_of_it() -> None:
    plain, dropping = _network(), _network(dropout=0.9)
    dropping.train()
    for network in (plain, dropping):
        estimate_norms(network, _batches())
    assert torch.equal(plain.get_buffer("2.running_var"), dropping.get_buffer("2.running_var"))
    assert not any(part.training for part in dropping.modules())
    norms = [part for part in dropping.modules() if isinstance(part, nn.BatchNorm2d)]
    assert [norm.momentum for norm in norms] == [0.1, 0.1]


def test_momentum_is_put_back_where_a_batch_fails() -> None:
    network = _network()
    with pytest.raises(RuntimeError):
        estimate_norms(network, [*_batches(2), torch.zeros(4, 2, 6, 6)])
    norm = network.get_submodule("2")
    assert isinstance(norm, nn.BatchNorm2d)
    assert norm.momentum == 0.1
    assert not norm.training


@pytest.mark.parametrize("batches", [[], _batches()])
def test_without_batches_or_statistics_there_is_nothing_to_work_out(batches: list[Tensor]) -> None:
    network = _network()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    untracked = nn.Sequential(nn.BatchNorm2d(1, track_running_stats=False))
    estimate_norms(untracked, batches)
    estimate_norms(nn.Sequential(nn.Conv2d(1, 2, 3)), batches)
    estimate_norms(network, [])
    for name, value in network.state_dict().items():
        assert torch.equal(value, before[name])
    assert not untracked.training
