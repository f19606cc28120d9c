from dataclasses import replace

import pytest

from autokd.pages.theme import new_figure
from autokd.report.gathered import gather
from autokd.report.teacher_line import add_teachers
from tests.report.conftest import FakeRun


def test_line_lies_at_validation_top1_and_names_the_teacher(run: FakeRun) -> None:
    figure = new_figure(height=100, x={}, y={})
    add_teachers(figure, gather([run]), metric="top1")
    (line,), (label,) = figure.layout.shapes, figure.layout.annotations
    assert line.y0 == line.y1 == run.teacher["top1"]
    assert (line.line.dash, label.text) == ("dash", "teacher resnet20: 0.979, 272k params")


def test_runs_with_one_teacher_share_a_line_and_others_do_not(run: FakeRun) -> None:
    other = replace(run, teacher={**run.teacher, "digest": "other"})
    for runs, n_lines in (([run, run], 1), ([run, other], 2)):
        figure = new_figure(height=100, x={}, y={})
        add_teachers(figure, gather(runs), metric="top1")
        assert len(figure.layout.shapes) == n_lines


@pytest.mark.parametrize("metric", ["ece", "agreement"])
def test_no_line_where_the_teacher_has_no_value(run: FakeRun, metric: str) -> None:
    figure = new_figure(height=100, x={}, y={})
    add_teachers(figure, gather([run]), metric=metric)
    assert not figure.layout.shapes


def test_name_is_escaped(run: FakeRun) -> None:
    figure = new_figure(height=100, x={}, y={})
    add_teachers(
        figure, gather([replace(run, teacher={**run.teacher, "name": "<a>"})]), metric="top1"
    )
    assert "&lt;a&gt;" in figure.layout.annotations[0].text
