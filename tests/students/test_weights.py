"""Weights come back as they went, or the message says why not."""

from pathlib import Path

import pytest
import safetensors.torch
import torch

from autokd.errors import RunError
from autokd.graphs import ArchGraph, InputShape, Node
from autokd.students.build import Student, build
from autokd.students.weights import load_weights, save_weights

SHAPE = InputShape(1, 8, 10)
GRAPH = ArchGraph((Node("stem", (), 4, 1), Node("conv3x3", (0,), 4, 2)), notes=("a note",))


def student(graph: ArchGraph = GRAPH, *, classes: int = 10, seed: int = 0) -> Student:
    shape = InputShape(1, 8, classes)
    return build(graph, shape, mean=[seed / 10], std=[0.2], seed=seed)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    save_weights(student(), tmp_path / "weights.safetensors")
    return tmp_path / "weights.safetensors"


def test_weights_statistics_and_normalisation_come_back(tmp_path: Path) -> None:
    trained = student(seed=1)
    trained(torch.rand(4, 1, 8, 8))
    save_weights(trained, tmp_path / "weights")
    fresh = student(ArchGraph(GRAPH.nodes), seed=2)
    load_weights(fresh, tmp_path / "weights")
    for name, value in trained.state_dict().items():
        assert torch.equal(fresh.state_dict()[name], value), name


def test_file_does_not_depend_on_memory_format_and_is_repeatable(file: Path) -> None:
    content = file.read_bytes()
    save_weights(student().to(memory_format=torch.channels_last), file)
    assert file.read_bytes() == content


def test_writing_leaves_nothing_else_in_the_folder(file: Path) -> None:
    assert list(file.parent.iterdir()) == [file]


def test_failed_writing_keeps_the_old_file(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = file.read_bytes()

    def full(path: Path, data: bytes) -> int:
        path.open("wb").close()
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(RunError, match=r"weights cannot be written: No space left on device"):
        save_weights(student(seed=1), file)
    assert file.read_bytes() == content
    assert list(file.parent.iterdir()) == [file]


def test_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="nowhere/w: the weights cannot be written: No such file"):
        save_weights(student(), tmp_path / "nowhere" / "w")


def test_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="w: the weights cannot be read: No such file"):
        load_weights(student(), tmp_path / "w")


@pytest.mark.parametrize("kept", [0, 4, 100, -1])
def test_truncated_file_is_refused(file: Path, kept: int) -> None:
    file.write_bytes(file.read_bytes()[:kept])
    with pytest.raises(RunError, match="weights cannot be read"):
        load_weights(student(), file)


def test_weights_of_another_graph_are_refused_even_if_they_fit(file: Path) -> None:
    other = ArchGraph((GRAPH.nodes[0], Node("conv3x3", (0,), 4, 1)))
    with pytest.raises(
        RunError, match=f"not the weights of this graph, but of graph {GRAPH.digest}"
    ):
        load_weights(student(other), file)


def test_weights_without_a_graph_are_refused(tmp_path: Path) -> None:
    safetensors.torch.save_file({"a": torch.zeros(1)}, tmp_path / "w")
    with pytest.raises(RunError, match="not the weights of this graph, but of graph None"):
        load_weights(student(), tmp_path / "w")


def test_weights_for_other_classes_are_refused_by_name(file: Path) -> None:
    with pytest.raises(
        RunError, match=r"do not fit the student: head.linear.bias, head.linear.weight$"
    ):
        load_weights(student(classes=4), file)
