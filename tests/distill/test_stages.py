import pytest
import torch
from torch import Tensor, nn

from autokd.distill.stages import student_stages
from autokd.distill.taps import student_taps
from autokd.errors import TeacherError
from autokd.graphs import GENERATORS, InputShape
from autokd.parameters import Value
from autokd.students import Student, build
from autokd.teachers import Normalised, zoo_model

SHAPE = InputShape(1, 16, 3)


def _student() -> Student:
    values: dict[str, Value] = {
        "params_budget": 2e4,
        "op": "conv3x3",
        "top_nodes": 3,
        "bottom_nodes": 3,
    }
    graph = GENERATORS["hierarchical"].draw(values, seed=0, shape=SHAPE)
    return build(graph, SHAPE, mean=[0.5], std=[0.2], seed=0)


def test_stages_of_a_student_are_those_of_its_graph() -> None:
    student = _student()
    stages = student_stages(student, SHAPE)
    last = {node.stride: node for node in student.graph.nodes}
    assert tuple(stage.name for stage in stages) == student_taps(student.graph)
    expected = [(last[s].channels, 16 // s, 16 // s) for s in sorted(last)]
    assert [(stage.channels, stage.height, stage.width) for stage in stages] == expected


def test_stages_of_any_other_network_are_found_as_a_teacher_s_are() -> None:
    network = Normalised(zoo_model("resnet8", SHAPE), mean=[0.5], std=[0.2])
    stages = student_stages(network, SHAPE)
    assert [stage.name for stage in stages] == [f"module.layer{number}" for number in (1, 2, 3)]
    assert [(stage.channels, stage.height) for stage in stages] == [(16, 16), (32, 8), (64, 4)]


def test_looking_at_a_student_leaves_it_as_it_was() -> None:
    student = _student().train()
    before = {name: value.clone() for name, value in student.state_dict().items()}
    student_stages(student, SHAPE)
    assert all(part.training for part in student.modules())
    assert all(torch.equal(before[name], value) for name, value in student.state_dict().items())


def test_a_network_without_maps_has_no_stages() -> None:
    class Flat(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.linear = nn.Linear(256, 3)

        def forward(self, images: Tensor) -> Tensor:
            logits: Tensor = self.linear(images.flatten(1))
            return logits

    with pytest.raises(TeacherError, match="0 layers for hints, and 1 are needed"):
        student_stages(Flat(), SHAPE)
