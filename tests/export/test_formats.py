from pathlib import Path

import onnx
import pytest
import torch

from autokd.export.formats import INPUT, OUTPUT, write_onnx, write_program
from autokd.export.verify import Network, run_onnx, run_program
from autokd.graphs import ArchGraph, InputShape, Node
from autokd.students import Student, build

EVERY_OP = (
    Node("conv3x3", (0,), 6, 4),
    Node("sepconv3x3", (0, 1), 8, 8),
    Node("identity", (1, 2), 8, 8, "mean"),
    Node("identity", (3,), 10, 8),
    Node("conv3x3", (0, 2, 4), 10, 16),
)


def _student(shape: InputShape, *, stem_stride: int) -> Student:
    graph = ArchGraph((Node("stem", (), 6, stem_stride), *EVERY_OP), head_channels=12)
    mean, std = [0.4] * shape.channels, [0.3] * shape.channels
    student = build(graph, shape, mean=mean, std=std, seed=1)
    # Running statistics and scalars that are not the identity, as training leaves them.
    with torch.no_grad():
        student(torch.rand(8, shape.channels, shape.size, shape.size))
    return student.eval()


def _assert_equal_for_any_batch(network: Network, student: Student) -> None:
    shape = student.shape
    for n in (1, 2, 5):
        images = torch.rand(n, shape.channels, shape.size, shape.size)
        with torch.no_grad():
            expected = student(images)
            torch.testing.assert_close(network(images), expected, rtol=1e-4, atol=1e-6)


CASES = [
    pytest.param(InputShape(1, 8, 10), 1, id="grey-8"),
    pytest.param(InputShape(3, 33, 3), 4, id="colour-33"),
    pytest.param(InputShape(3, 224, 2), 4, id="colour-224", marks=pytest.mark.slow),
]


@pytest.mark.parametrize(("shape", "stem_stride"), CASES)
def test_onnx_file_answers_like_the_student_for_any_batch(
    shape: InputShape, stem_stride: int, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    student = _student(shape, stem_stride=stem_stride)
    write_onnx(student, shape, tmp_path / "student.onnx")
    _assert_equal_for_any_batch(run_onnx(tmp_path / "student.onnx"), student)
    assert capfd.readouterr().out == ""


@pytest.mark.parametrize(("shape", "stem_stride"), CASES)
def test_program_answers_like_the_student_for_any_batch(
    shape: InputShape, stem_stride: int, tmp_path: Path
) -> None:
    student = _student(shape, stem_stride=stem_stride)
    write_program(student, shape, tmp_path / "student.pt2")
    _assert_equal_for_any_batch(run_program(tmp_path / "student.pt2"), student)


def test_onnx_file_is_valid_whole_and_names_its_input_and_output(tmp_path: Path) -> None:
    shape = InputShape(1, 8, 10)
    path = tmp_path / "student.onnx"
    write_onnx(_student(shape, stem_stride=1), shape, path)
    onnx.checker.check_model(str(path), full_check=True)
    graph = onnx.load(str(path), load_external_data=False).graph
    assert [value.name for value in graph.input] == [INPUT]
    assert [value.name for value in graph.output] == [OUTPUT]
    assert sorted(file.name for file in tmp_path.iterdir()) == ["student.onnx"]


@pytest.mark.parametrize("suffix", ["onnx", "pt2"])
def test_files_are_the_same_bytes_every_time_and_tell_no_paths(
    suffix: str, tmp_path: Path
) -> None:
    shape = InputShape(1, 8, 10)
    student = _student(shape, stem_stride=1)
    write = write_onnx if suffix == "onnx" else write_program
    contents = []
    for name in ("one", "two"):
        path = tmp_path / name / f"student.{suffix}"
        path.parent.mkdir()
        write(student, shape, path)
        contents.append(path.read_bytes())
    assert str(Path(__file__).parents[2]).encode() not in contents[0]
    assert contents[0] == contents[1]
