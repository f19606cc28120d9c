from dataclasses import replace

import pytest
import torch
from torch import Tensor

from autokd.data import Dataset
from autokd.distill.maps import Hint, MapTable
from autokd.distill.outputs import TeacherOutputs
from autokd.distill.prepared import PreparedStudy, TeacherFacts
from autokd.distill.recipe import make_recipe
from autokd.distill.training import train
from autokd.graphs import ArchGraph, Node
from autokd.students import Student, build
from tests.distill.conftest import MakeSpec

STAGES = (
    Node("stem", (), 4, 1),
    Node("conv3x3", (0,), 4, 1),
    Node("conv3x3", (1,), 5, 2),
    Node("conv3x3", (2,), 6, 4),
)
HINTS = (Hint("a", 7, 4, 4), Hint("b", 8, 2, 2), Hint("c", 9, 1, 1))


@pytest.fixture
def study(dataset: Dataset, teacher_views: Tensor, make_spec: MakeSpec) -> PreparedStudy:
    spec = make_spec(methods=("kd", "fitnet"))
    tuned = replace(dataset, tuning=dataset.test)
    table = torch.randn(5, 48, sum(hint.n_numbers for hint in HINTS)).half()
    outputs = TeacherOutputs(
        teacher_views, torch.zeros(24, 3), torch.zeros(15, 3), tuning=torch.zeros(15, 3)
    )
    facts = TeacherFacts("resnet8", 9, 0.9, 0.8, saw_validation=False, digest="a" * 64)
    maps = MapTable(table, HINTS, spec.views)
    return PreparedStudy(spec, tuned, outputs, facts, torch.device("cpu"), maps=maps)


def _student(study: PreparedStudy, n_nodes: int = 4) -> Student:
    dataset, graph = study.dataset, ArchGraph(STAGES[:n_nodes], 0)
    return build(graph, study.shape, mean=dataset.mean, std=dataset.std, seed=0)


def test_a_method_of_logits_taps_nothing(study: PreparedStudy) -> None:
    recipe = make_recipe(study, _student(study), {"kd.method": "kd"}, seed=0, n_epochs=2)
    assert recipe.taps == ()
    assert recipe.source.maps is None
    assert not recipe.eager


def test_a_method_of_maps_taps_the_ends_of_all_stages(study: PreparedStudy) -> None:
    recipe = make_recipe(study, _student(study), {"kd.method": "fitnet"}, seed=0, n_epochs=2)
    assert recipe.taps == ("nodes.1", "nodes.2", "nodes.3")
    assert recipe.source.maps is study.maps


@pytest.mark.parametrize(("n_nodes", "taps"), [(3, ("nodes.1", "nodes.2")), (2, ("nodes.1",))])
def test_a_student_with_fewer_stages_is_compared_with_the_deepest_hints(
    n_nodes: int, taps: tuple[str, ...], study: PreparedStudy
) -> None:
    recipe = make_recipe(
        study, _student(study, n_nodes), {"kd.method": "fitnet"}, seed=0, n_epochs=2
    )
    assert recipe.taps == taps
    assert recipe.source.maps is not None
    assert recipe.source.maps.channels == (7, 8, 9)[-len(taps) :]


def test_a_teacher_with_fewer_hints_is_compared_with_the_deepest_stages(
    study: PreparedStudy,
) -> None:
    table = MapTable(torch.randn(5, 48, 9).half(), HINTS[2:], study.spec.views)
    one = replace(study, maps=table)
    recipe = make_recipe(one, _student(one), {"kd.method": "fitnet"}, seed=0, n_epochs=2)
    assert recipe.taps == ("nodes.3",)
    assert recipe.source.maps is table


@pytest.mark.parametrize("n_nodes", [2, 3, 4])
def test_a_recipe_trains_its_student(n_nodes: int, study: PreparedStudy) -> None:
    student = _student(study, n_nodes)
    before = student.head.linear.weight.detach().clone()
    recipe = make_recipe(study, student, {"kd.method": "fitnet"}, seed=0, n_epochs=2)
    epochs = train(
        student,
        recipe.source,
        loss=recipe.loss,
        training=study.spec.training,
        rungs=[2],
        seed=0,
        at_rung=lambda _: True,
        taps=recipe.taps,
        eager=recipe.eager,
    )
    assert epochs == 2
    assert not torch.equal(student.head.linear.weight, before)


def test_a_method_that_decides_on_the_host_is_eager(study: PreparedStudy) -> None:
    recipe = make_recipe(study, _student(study), {"kd.method": "amal"}, seed=0, n_epochs=2)
    assert recipe.eager


def test_a_retrained_student_begins_at_its_own_view(study: PreparedStudy) -> None:
    recipe = make_recipe(
        study, _student(study), {"kd.method": "kd"}, seed=0, n_epochs=2, first_view=3
    )
    assert recipe.source.first_view == 3
