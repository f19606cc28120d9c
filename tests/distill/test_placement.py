import pytest
import torch

from autokd.data import Dataset
from autokd.distill import placement
from autokd.distill.placement import place, place_table


def test_on_the_cpu_images_stay_where_they_are(dataset: Dataset) -> None:
    assert place(dataset, torch.device("cpu")) is dataset


@pytest.mark.parametrize(("spare", "expected"), [(0, "meta"), (-1, "cpu")])
def test_images_move_where_they_take_at_most_half_of_what_is_free(
    spare: int,
    expected: str,
    dataset: Dataset,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    free = 2 * dataset.n_bytes + spare
    monkeypatch.setattr(placement, "_free_bytes", lambda _: free)
    placed = place(dataset, torch.device("meta"))
    assert placed.train.images.device.type == expected
    assert ("go there batch by batch" in caplog.text) == (expected == "cpu")


@pytest.mark.parametrize(("spare", "expected"), [(0, "meta"), (-1, "cpu")])
def test_the_table_moves_where_it_takes_at_most_a_tenth_of_what_is_free(
    spare: int, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = torch.zeros(2, 5, 10, dtype=torch.float16)
    monkeypatch.setattr(placement, "_free_bytes", lambda _: 10 * table.nbytes + spare)
    placed = place_table(table, torch.device("meta"))
    assert placed.device.type == expected
    assert place_table(table, torch.device("cpu")) is table


@pytest.mark.cuda
def test_a_free_gpu_has_room_for_small_images(dataset: Dataset) -> None:
    assert place(dataset, torch.device("cuda")).test.images.device.type == "cuda"
