from dataclasses import replace

import numpy as np
import plotly.graph_objects as go
import pytest

from autokd.report.distilled import distilled, gain_figure
from autokd.report.gains import Gain, gains
from autokd.report.gathered import Gathered, gather
from autokd.report.method_tables import at_first_rung, finished
from tests.report.conftest import FakeRun, MakeRun, with_chains
from tests.report.test_method_tables import FIXED


def test_several_methods_have_a_table_the_gains_and_the_harm(gathered: Gathered) -> None:
    table, gained, harmed = distilled(gathered)
    assert isinstance(table.body, str)
    assert '<th scope="col">gain at 27</th><th scope="col">gain at 3</th>' in table.body
    assert "± the 95 % interval" in table.note
    assert isinstance(gained.body, go.Figure)
    top, first = gains(finished(gathered))["none"].n, gains(at_first_rung(gathered))["none"].n
    assert f"(n of none: {top} at 27 epochs, {first} at 3 epochs)" in gained.note
    assert isinstance(harmed.body, str)
    assert "all classes" in harmed.body


def test_a_single_method_has_no_gains(make_run: MakeRun) -> None:
    panels = distilled(gather([make_run(search_space=FIXED)])[0])
    assert [panel.title for panel in panels] == ["What distillation did", "Classes harmed most"]


def test_nothing_finished_is_said_once(make_run: MakeRun) -> None:
    (panel,) = distilled(gather([make_run(n_trials=0)])[0])
    assert "No feasible trial has finished the top rung." in str(panel.body)


@pytest.mark.parametrize(
    ("n_none", "said"),
    [
        (0, "there are no trials of none to compare with."),
        (2, "only 2 of the trials are of none, and 3 are needed."),
        (50, "no other method has 3 students within the sizes of those of none."),
    ],
)
def test_gains_that_cannot_be_told_say_why(gathered: Gathered, n_none: int, said: str) -> None:
    complete = finished(gathered).copy()
    methods = ["none"] * n_none + ["kd"] * len(complete)
    trials = complete.assign(**{"kd.method": methods[: len(complete)]})
    table, gained, _ = distilled(replace(gathered, trials=trials))
    assert f"At 27 epochs {said} At 3 epochs {said}" in str(gained.body)
    assert '<th scope="col">gain' not in str(table.body)


def test_a_rung_without_gains_says_why_beside_those_of_the_other(gathered: Gathered) -> None:
    trials = gathered.trials.copy()
    is_complete = trials["state"] == "complete"
    trials.loc[is_complete, "kd.method"] = "kd"
    table, gained, _ = distilled(replace(gathered, trials=trials))
    assert "At 27 epochs there are no trials of none" in gained.note
    assert isinstance(gained.body, go.Figure)
    assert [trace.name for trace in gained.body.data] == ["at 3 epochs"]
    assert "gain at 27" not in str(table.body)


def test_one_rung_is_shown_once(make_run: MakeRun) -> None:
    run = make_run(fidelity={"min_epochs": 27, "max_epochs": 27, "eta": 3})
    _, gained, _ = distilled(gather([run])[0])
    assert isinstance(gained.body, go.Figure)
    assert [trace.name for trace in gained.body.data] == ["at 27 epochs"]


def test_baselines_change_nothing_between_methods_and_are_said_to_be_left_out(
    run: FakeRun, gathered: Gathered
) -> None:
    """All of them have one method, which they would pull down or up."""
    behind = gathered.behind()
    is_chain = (behind["kd.method"] == "kd") & (behind["state"] == "complete")
    chains = {int(slot) for slot in behind["trial"][is_chain].head(4)}
    assert len(chains) == 4
    (begun,) = gather([with_chains(run, chains)])
    (without,) = gather([replace(run, records=[r for r in run.records if r.slot not in chains])])
    for panel, expected in zip(distilled(begun), distilled(without), strict=True):
        assert panel.body == expected.body
    table, gained, _ = distilled(begun)
    assert table.note.endswith("Hand-made baselines are left out.")
    assert "comparison. Hand-made baselines are left out." in gained.note
    assert not any("baselines" in panel.note for panel in distilled(gathered))


def test_baselines_alone_say_nothing_about_methods(run: FakeRun) -> None:
    complete = [record for record in run.records if record.outcome == "complete"]
    chains = {record.slot for record in complete}
    (panel,) = distilled(gather([with_chains(run, chains)])[0])
    assert "Only baselines have finished the top rung." in str(panel.body)


def test_too_few_sizes_to_tell_a_gain_are_the_reason_that_is_given(gathered: Gathered) -> None:
    trials = gathered.trials.copy()
    is_kd = trials["kd.method"] == "kd"
    trials.loc[is_kd, "params"] = 1e4
    trials.loc[~is_kd, "params"] = np.where(np.arange((~is_kd).sum()) % 2, 1e3, 1e5)
    _, gained, _ = distilled(replace(gathered, trials=trials))
    why = "the students have too few different sizes to tell."
    assert f"At 27 epochs {why} At 3 epochs {why}" in str(gained.body)


def test_changes_that_were_not_recorded_are_said_to_be_missing(gathered: Gathered) -> None:
    *_, harmed = distilled(replace(gathered, recall_changes=gathered.recall_changes.iloc[:0]))
    assert "Changes of recall were not recorded." in str(harmed.body)


def test_the_weight_of_one_image_is_told_where_their_number_is_known(gathered: Gathered) -> None:
    noted = replace(gathered, info={"data": {"n_validation": 365}})
    *_, harmed = distilled(noted)
    assert "In a class of 36 images, one is 2.8 points of a student." in harmed.note
    assert "images, one is" not in distilled(gathered)[2].note


def test_gains_are_drawn_with_their_intervals_the_largest_on_top() -> None:
    top = {"none": Gain(9, 0, 0), "<b>": Gain(5, 0.01, 0.02), "kd": Gain(4, 0.03, 0.01)}
    first = {"none": Gain(9, 0, 0), "kd": Gain(6, -0.2, 0.1), "at": Gain(7, 0.02, 0.1)}
    figure = gain_figure({27: top, 3: first})
    assert list(figure.layout.yaxis.ticktext) == ["&lt;b&gt;", "at", "kd"]
    upper, lower = figure.data
    assert [round(at) for at in upper.y] == [0, 2]
    assert [round(at) for at in lower.y] == [1, 2]
    assert upper.y[1] > lower.y[1]  # one does not hide the other
    assert list(upper.x) == [0.01, 0.03]
    assert list(upper.error_x.array) == [0.02, 0.01]
    assert upper.hovertext[1] == "kd at 27 epochs: +0.0300 ± 0.0100, n = 4"
    assert lower.name == "at 3 epochs"
