import json
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from autokd.data import Dataset
from autokd.distill.answers import Answers
from autokd.distill.digests import module_digest
from autokd.distill.maps import Hint, LiveMaps, MapTable
from autokd.distill.outputs import TeacherOutputs
from autokd.distill.prepared import PreparedStudy, TeacherFacts
from autokd.errors import DefinitionError
from autokd.graphs import GENERATORS, InputShape
from autokd.parameters import Point
from autokd.students import Student, build
from tests.distill.conftest import MakeSpec

CHAIN = GENERATORS["chain"]


def _facts() -> TeacherFacts:
    return TeacherFacts("resnet8", 100, 0.9, 0.8, saw_validation=False, digest="a" * 64)


def test_facts_go_through_json() -> None:
    facts = replace(_facts(), answers=[0.5, -2.0])
    assert TeacherFacts(**json.loads(json.dumps(facts.as_dict()))) == facts
    assert set(facts.as_dict()) == {
        "name",
        "params",
        "top1",
        "test_top1",
        "saw_validation",
        "digest",
        "trained_s",
        "answers",
    }


def test_facts_know_a_network_again_by_weights_and_answers() -> None:
    noted = replace(_facts(), answers=[0.5, -2.0])
    assert noted.changed_since(noted.as_dict()) == ""
    assert replace(noted, digest="b" * 64).changed_since(noted.as_dict()) == "weights"
    other = replace(noted, answers=[0.6, -2.0])
    assert other.changed_since(noted.as_dict()) == "answers"
    assert other.changed_since(noted.as_dict(), same_images=False) == ""
    assert replace(noted, answers=[0.5, -2.01]).changed_since(noted.as_dict()) == ""
    # A run of an earlier version, and a teacher of which there are only answers.
    assert noted.changed_since(_facts().as_dict()) == ""
    assert _facts().changed_since(noted.as_dict()) == ""


def test_a_size_that_nobody_knows_is_called_so() -> None:
    assert replace(_facts(), params=12_345).size == "12,345 params"
    assert replace(_facts(), params=None).size == "unknown size"


@pytest.fixture
def study(dataset: Dataset, teacher_views: Tensor, make_spec: MakeSpec) -> PreparedStudy:
    """Have two assistants, a further teacher, a role, and tuning images."""
    tuned = replace(dataset, tuning=dataset.test.take(torch.arange(6)))

    def outputs(number: float) -> TeacherOutputs:
        return TeacherOutputs(
            teacher_views + number,
            torch.zeros(24, 3),
            torch.zeros(15, 3),
            tuning=torch.full((6, 3), number),
            roles={"plain": Answers(torch.full((1, 48, 3), number), "constant")},
        )

    spec = make_spec(views={"crop_padding": 1, "seed": 4})
    return PreparedStudy(
        spec,
        tuned,
        outputs(1),
        _facts(),
        torch.device("cpu"),
        more=(outputs(2),),
        assistants=(outputs(3), outputs(4)),
        more_facts=(_facts(),),
        assistant_facts=(replace(_facts(), trained_s=2.5), replace(_facts(), trained_s=None)),
    )


def _student(study: PreparedStudy, *, seed: int = 0) -> Student:
    parameters = {
        "params_budget": 5e3,
        **{p.name: p.default for p in CHAIN.parameters if p.default},
    }
    graph = CHAIN.draw(parameters, seed=0, shape=study.shape)
    return build(graph, study.shape, mean=study.dataset.mean, std=study.dataset.std, seed=seed)


def test_a_prepared_study_gives_shape_and_source(study: PreparedStudy) -> None:
    assert study.shape == InputShape(1, 8, 3)
    source = study.source({"kd.method": "kd"}, first_view=2)
    assert source.split is study.dataset.train
    assert source.views.seed == 4
    assert source.first_view == 2
    assert source.num_classes == 3
    assert study.precision == "float32"
    assert study.folder is None
    assert study.assistants_s == 2.5


@pytest.mark.parametrize(
    ("method", "teacher", "more", "assistants"),
    [
        ("none", [], [], []),
        ("kd", [1], [], []),
        ("meal", [1], [2], []),
        ("takd", [], [], [3, 4]),
        ("cesd", [1], [], [3, 4]),
    ],
)
def test_a_point_reads_just_what_its_method_needs(
    method: str, teacher: list[int], more: list[int], assistants: list[int], study: PreparedStudy
) -> None:
    source = study.source({"kd.method": method})
    base = study.outputs.tables()["same"].parts - 1
    found = [
        [int((answers.parts - base)[0, 0, 0]) for answers in answered]
        for answered in (
            () if source.teacher is None else (source.teacher,),
            source.more,
            source.assistants,
        )
    ]
    assert found == [teacher, more, assistants]
    assert source.maps is None


def test_a_point_says_what_the_teachers_look_at(study: PreparedStudy) -> None:
    point: Point = {"kd.method": "cesd", "kd.teacher_views": "plain"}
    source = study.source(point)
    assert source.teacher is study.outputs.roles["plain"]
    assert source.assistants == tuple(each.roles["plain"] for each in study.assistants)
    own = study.source({**point, "kd.cesd.teacher_views": "same"})
    assert own.teacher is not None
    assert own.teacher.parts is study.outputs.views


def test_a_study_covers_as_many_views_as_its_shortest_table(study: PreparedStudy) -> None:
    assert study.covers(5)
    assert not study.covers(6)
    views = study.assistants[1].views
    assert views is not None
    short = (study.assistants[0], replace(study.assistants[1], views=views[:3]))
    assert not replace(study, assistants=short).covers(4)
    live = replace(study, maps=LiveMaps(nn.Identity(), ()))
    assert live.covers(5)
    table = MapTable(torch.zeros(2, 48, 1), (), study.spec.views)
    assert not replace(study, maps=table).covers(3)


def test_a_method_knows_its_student_and_can_make_another(study: PreparedStudy) -> None:
    student = _student(study)
    setting = study.setting(student, {"kd.method": "kd"}, seed=7)
    assert setting.student is student
    assert (setting.num_classes, setting.seed, setting.n_epochs) == (3, 7, 2)
    assert torch.equal(setting.labels, study.dataset.train.labels)
    assert (setting.teachers, setting.assistants, setting.tuning) == (0, 0, None)
    assert (setting.student_channels, setting.teacher_channels) == ((), ())
    peer, expected = setting.peer(5), _student(study, seed=5)
    assert module_digest(peer) == module_digest(expected) != module_digest(student)
    assert study.setting(student, {"kd.method": "kd"}, seed=7, n_epochs=9).n_epochs == 9


def test_a_student_without_a_graph_has_the_peers_that_are_given(study: PreparedStudy) -> None:
    network, twin = nn.Linear(2, 3), nn.Linear(2, 3)
    point: Point = {"kd.method": "dml"}
    with pytest.raises(DefinitionError, match="no graph to build it from: `peer` must make it"):
        study.setting(network, point, seed=0).peer(1)
    assert study.setting(network, point, seed=0, peer=lambda _: twin).peer(1) is twin


def test_held_out_images_are_for_methods_that_learn_from_them(study: PreparedStudy) -> None:
    setting = study.setting(_student(study), {"kd.method": "de_ensemble"}, seed=0)
    assert (setting.teachers, setting.assistants) == (0, 2)
    tuning = setting.tuning
    assert tuning is not None
    assert study.dataset.tuning is not None
    assert torch.equal(tuning.split.images, study.dataset.tuning.images)
    assert set(tuning.teacher_logits.flatten().tolist()) == {1}
    assert tuning.more_logits.shape == (6, 1, 3)
    assert tuning.assistant_logits[0, :, 0].tolist() == [3, 4]
    alone = replace(study, more=(), assistants=())
    tuning = alone.setting(_student(study), {"kd.method": "amal"}, seed=0).tuning
    assert tuning is not None
    assert tuning.assistant_logits.shape == (6, 0, 3)


@pytest.mark.parametrize(("hints", "n"), [((4, 8, 16, 32), 3), ((8, 16), 2)])
def test_channels_are_those_of_the_deepest_maps_on_both_sides(
    hints: tuple[int, ...], n: int, study: PreparedStudy
) -> None:
    student = _student(study)
    stages = {node.stride: node.channels for node in student.graph.nodes}
    assert len(stages) == 3
    maps = LiveMaps(nn.Identity(), tuple(Hint("x", channels, 4, 4) for channels in hints))
    mapped = replace(study, maps=maps)
    setting = mapped.setting(student, {"kd.method": "fitnet"}, seed=0)
    assert setting.student_channels == tuple(stages[stride] for stride in sorted(stages))[-n:]
    assert setting.teacher_channels == hints[-n:]
    assert mapped.source({"kd.method": "fitnet"}).maps is maps
