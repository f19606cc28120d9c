from dataclasses import replace

import numpy as np
import plotly.graph_objects as go
import pytest

from autokd.report.families import TITLE, families, family_figure
from autokd.report.family_rows import family_rows
from autokd.report.gathered import Gathered, gather
from autokd.report.page import page
from tests.report.conftest import MakeRun
from tests.report.test_family_rows import robust_thirds, spread_out


@pytest.fixture(scope="module")
def told(make_run: MakeRun) -> Gathered:
    return spread_out(make_run(family_size=5), robust_thirds)


def test_a_study_of_single_students_has_no_such_part(gathered: Gathered, told: Gathered) -> None:
    assert families(gathered) == ()
    assert TITLE not in page([gathered])
    assert page([told]).count(f"<h2>{TITLE}</h2>") == 1


def test_several_runs_show_it_in_the_section_of_each(told: Gathered, gathered: Gathered) -> None:
    html = page([replace(told, label="families"), replace(gathered, label="single")])
    assert html.count("<h3>Mean and spread</h3>") == 1
    assert TITLE not in html


def test_nothing_finished_is_said_once(make_run: MakeRun) -> None:
    (panel,) = families(gather([make_run(family_size=3, n_trials=0)])[0])
    assert "No family has finished the top rung." in str(panel.body)


def test_error_bars_are_the_spreads_and_robust_families_are_ringed(told: Gathered) -> None:
    rows, _ = family_rows(told)
    figure = family_figure(told, rows)
    traces = {trace.name: trace for trace in figure.data}
    assert set(traces) == {"behind the front", "front", "robust"}
    front = rows[rows["is_front"]]
    assert list(traces["front"].y) == front["top1"].tolist()
    assert list(traces["front"].error_y.array) == front["top1_std"].tolist()
    assert set(traces["front"].error_x.array) == {40.0}
    robust = rows[rows["verdict"] == "robust"]
    assert list(traces["robust"].x) == robust["params"].tolist()
    first = front.iloc[0]
    assert f"trial  <b>{first['trial']}</b>" in traces["front"].hovertext[0]


def test_what_few_members_can_tell_is_said_in_numbers(told: Gathered) -> None:
    figure, table, sentences = families(told)
    assert isinstance(figure.body, go.Figure)
    assert table.title == "Families, steadiest first"
    assert "5 members" in table.note
    assert sentences.title == "What 5 members can tell"
    assert "between 0.60 and 2.87 times" in str(sentences.body)
    _, found = family_rows(told)
    assert found is not None
    assert f"own members weigh {found.weight:.0%} and" in str(sentences.body)
    assert "robust: at least 10% less" in str(sentences.body)


def test_two_members_prove_nothing_and_it_says_so(make_run: MakeRun) -> None:
    chance = spread_out(
        make_run(family_size=2),
        lambda slot: {"top1": abs(float(np.random.default_rng(slot).normal(0, 0.01)))},
    )
    *_, sentences = families(chance)
    assert "between 0.45 and 31.9 times" in str(sentences.body)
    assert "none can be called robust" in str(sentences.body)
    figure = family_figure(chance, family_rows(chance)[0])
    assert "robust" not in {trace.name for trace in figure.data}


def test_families_too_few_to_compare_say_how_many_are_needed(make_run: MakeRun) -> None:
    few = spread_out(make_run(family_size=3, n_trials=9), lambda slot: {"top1": 0.001 * slot})
    _, table, sentences = families(few)
    assert table.title == "Families, smallest spread first"
    assert "once 5 have finished" in str(sentences.body)
