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


def assert_equal_for_any_batch(network: Network, student: Student) -> None:
    shape = student.shape
    for n in (1, 2, 5):
        images = torch.rand(n, shape.channels, shape.size, shape.size)
        with torch.no_grad():
            expected = student(images)
            torch.testing.assert_close(network(images), expected, rtol=1e-4, atol=1e-6)


LARGER = [
    pytest.param(InputShape(3, 33, 3), id="colour-33"),
    pytest.param(InputShape(3, 224, 2), id="colour-224", marks=pytest.mark.slow),
]


@pytest.fixture(scope="module")
def grey() -> Student:
    return _student(InputShape(1, 8, 10), stem_stride=1)


@pytest.fixture(scope="module")
def grey_onnx(grey: Student, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("onnx") / "student.onnx"
    write_onnx(grey, grey.shape, path)
    return path


def test_onnx_file_answers_like_the_student_for_any_batch(grey: Student, grey_onnx: Path) -> None:
    assert_equal_for_any_batch(run_onnx(grey_onnx), grey)


@pytest.mark.parametrize("shape", LARGER)
def test_onnx_file_of_any_colours_and_size_answers_like_the_student(
    shape: InputShape, tmp_path: Path
) -> None:
    student = _student(shape, stem_stride=4)
    write_onnx(student, shape, tmp_path / "student.onnx")
    assert_equal_for_any_batch(run_onnx(tmp_path / "student.onnx"), student)


@pytest.mark.parametrize("shape", [InputShape(1, 8, 10), *LARGER])
def test_program_answers_like_the_student_for_any_batch(shape: InputShape, tmp_path: Path) -> None:
    student = _student(shape, stem_stride=1 if shape.size == 8 else 4)
    write_program(student, shape, tmp_path / "student.pt2")
    assert_equal_for_any_batch(run_program(tmp_path / "student.pt2"), student)


def test_onnx_file_is_valid_whole_and_names_its_input_and_output(grey_onnx: Path) -> None:
    onnx.checker.check_model(str(grey_onnx), full_check=True)
    graph = onnx.load(str(grey_onnx), load_external_data=False).graph
    assert [value.name for value in graph.input] == [INPUT]
    assert [value.name for value in graph.output] == [OUTPUT]
    assert [file.name for file in grey_onnx.parent.iterdir()] == ["student.onnx"]


def test_onnx_file_is_the_same_bytes_every_time_and_written_in_silence(
    grey: Student, grey_onnx: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    write_onnx(grey, grey.shape, tmp_path / "again.onnx")
    assert (tmp_path / "again.onnx").read_bytes() == grey_onnx.read_bytes()
    assert capfd.readouterr().out == ""


def test_program_is_the_same_bytes_every_time(grey: Student, tmp_path: Path) -> None:
    contents = []
    for name in ("one", "two"):
        path = tmp_path / name / "student.pt2"  # torch writes the file's name into the file
        path.parent.mkdir()
        write_program(grey, grey.shape, path)
        contents.append(path.read_bytes())
    assert contents[0] == contents[1]


def test_files_tell_no_paths_of_this_machine(
    grey: Student, grey_onnx: Path, tmp_path: Path
) -> None:
    write_program(grey, grey.shape, tmp_path / "student.pt2")
    here = str(Path(__file__).parents[2]).encode()
    for path in (grey_onnx, tmp_path / "student.pt2"):
        assert here not in path.read_bytes()
