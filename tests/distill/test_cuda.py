import pytest
import torch

from autokd.distill import cuda


def test_devices_can_be_counted_without_any() -> None:
    assert cuda.count() >= 0
    assert (cuda.count() > 0) == torch.cuda.is_available()


@pytest.mark.cuda
def test_a_seeded_device_draws_the_same_again() -> None:
    device = torch.device("cuda", 0)
    draws = []
    for _ in range(2):
        cuda.seed_generator(device, 3)
        draws.append(torch.rand(5, device=device))
    assert torch.equal(*draws)


@pytest.mark.cuda
def test_a_device_says_whether_it_has_bfloat16() -> None:
    major, _ = torch.cuda.get_device_capability(0)
    assert cuda.has_bfloat16(torch.device("cuda", 0)) == (major >= 8)


@pytest.mark.cuda
def test_recording_does_nothing_and_replaying_does_it_on_the_values_of_then() -> None:
    device = torch.device("cuda", 0)
    number, total = torch.tensor(2.0, device=device), torch.zeros((), device=device)
    recorder = cuda.GraphRecorder(device)

    def work() -> None:
        total.add_(number)

    recorder.warm_up(work)
    replay = recorder.record(work)
    assert total.item() == 2
    number.fill_(5)
    replay()
    assert total.item() == 7
    recorder.close()


@pytest.mark.cuda
def test_what_waits_for_the_device_cannot_be_recorded_and_leaves_the_stream() -> None:
    device = torch.device("cuda", 0)
    number = torch.tensor(2.0, device=device)
    main = torch.cuda.current_stream(device)

    def work() -> None:
        number.item()

    with pytest.raises(RuntimeError):
        cuda.GraphRecorder(device).record(work)
    assert torch.cuda.current_stream(device) == main
    assert (number + 1).item() == 3
