import json

import torch
from torch import Tensor

from autokd.data import Dataset
from autokd.distill.outputs import TeacherOutputs
from autokd.distill.prepared import PreparedStudy, TeacherFacts
from autokd.graphs import InputShape
from tests.distill.conftest import MakeSpec


def _facts() -> TeacherFacts:
    return TeacherFacts("resnet8", 100, 0.9, 0.8, saw_validation=False, digest="a" * 64)


def test_facts_go_through_json() -> None:
    facts = _facts()
    assert TeacherFacts(**json.loads(json.dumps(facts.as_dict()))) == facts
    assert set(facts.as_dict()) == {
        "name",
        "params",
        "top1",
        "test_top1",
        "saw_validation",
        "digest",
    }


def test_a_prepared_study_gives_shape_and_source(
    dataset: Dataset, teacher_views: Tensor, make_spec: MakeSpec
) -> None:
    outputs = TeacherOutputs(teacher_views, torch.zeros(24, 3), torch.zeros(15, 3))
    spec = make_spec(views={"crop_padding": 1, "seed": 4})
    study = PreparedStudy(spec, dataset, outputs, _facts(), torch.device("cpu"))
    assert study.shape == InputShape(1, 8, 3)
    source = study.source(first_view=2)
    assert source.split is dataset.train
    assert source.views.seed == 4
    assert source.teacher_views is teacher_views
    assert source.first_view == 2
    assert source.num_classes == 3
    assert source.table_kind == "tape"
    assert study.precision == "float32"
    assert study.folder is None
