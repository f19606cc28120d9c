from dataclasses import replace

import pytest

from autokd.report.family_rows import family_rows
from autokd.report.front import front_figure
from autokd.report.gathered import Gathered, gather
from autokd.report.hover import hover
from autokd.report.origins import baselines, origins_told, searched, tried_first
from autokd.report.story import conditions, notes
from autokd.report.tables import front_table
from tests.report.conftest import FakeRun, MakeRun

CHAIN = "chain baseline of 3,000 params"


def _begun(run: FakeRun, *, chains: set[int], others: set[int]) -> FakeRun:
    """Say of some trials of a run that they came first."""
    records = [
        replace(r, origin=CHAIN, point={"generator": "chain", **r.point})
        if r.slot in chains
        else replace(r, origin="front of <a>, trial 3" if r.slot in others else "")
        for r in run.records
    ]
    return replace(run, records=records)


@pytest.fixture
def warm(run: FakeRun) -> Gathered:
    """A run of which the front's smallest member and a trial behind it are baselines."""
    (read,) = gather([run])
    on_front, behind = int(read.front["trial"].iloc[0]), int(read.behind()["trial"].iloc[0])
    other = int(read.front["trial"].iloc[1])
    (begun,) = gather([_begun(run, chains={on_front, behind}, others={other})])
    return begun


def test_baselines_are_told_apart(warm: Gathered, run: FakeRun) -> None:
    assert len(baselines(warm, warm.trials)) == 2
    assert len(baselines(warm, warm.front)) == 1
    (plain,) = gather([run])
    assert baselines(plain, plain.trials).empty


def test_what_was_searched_is_all_but_the_baselines(warm: Gathered, run: FakeRun) -> None:
    kept = searched(warm, warm.trials)
    assert len(kept) == len(warm.trials) - 2
    assert not set(kept["trial"]) & set(baselines(warm, warm.trials)["trial"])
    (plain,) = gather([run])
    assert searched(plain, plain.trials).equals(plain.trials)


def test_what_was_tried_first_is_counted_in_words(warm: Gathered, run: FakeRun) -> None:
    assert tried_first(warm) == "2 baselines, 1 student of earlier fronts"
    chains, fronts = origins_told(warm)
    assert chains == (
        "2 hand-made baselines, named as such in tables and figures, came before the search: "
        "1 of them is on the front."
    )
    assert fronts.startswith("The search began with 1 point of earlier runs' fronts; their")
    (plain,) = gather([run])
    assert (tried_first(plain), origins_told(plain)) == ("", [])
    (begun,) = gather([_begun(run, chains=set(), others={0, 1})])
    assert tried_first(begun) == "2 students of earlier fronts"


def test_a_baseline_that_the_sampler_proposed_again_is_not_counted_as_tried_first(
    run: FakeRun,
) -> None:
    """Runs of earlier versions have such points."""
    begun = _begun(run, chains={0, 1, 2}, others=set())
    again = [replace(r, origin="") if r.slot > 0 else r for r in begun.records]
    (read,) = gather([replace(begun, records=again)])
    assert tried_first(read) == "1 baseline"
    assert list(baselines(read, read.trials)["trial"]) == [0]
    (told,) = origins_told(read)
    assert told.startswith("1 hand-made baseline,")


def test_the_report_says_it_in_notes_conditions_table_and_figure(
    warm: Gathered, run: FakeRun
) -> None:
    assert set(origins_told(warm)) <= set(notes([warm]))
    assert dict(conditions(warm))["tried first"] == tried_first(warm)
    table = front_table(warm)
    assert table.headings[-1] == "tried first as"
    assert [row[-1] for row in table.rows][:2] == [CHAIN, "front of <a>, trial 3"]
    figure = front_figure([warm])
    assert figure is not None
    (frames,) = [trace for trace in figure.data if trace.name == "baseline"]
    assert sorted(frames.x) == sorted(baselines(warm, warm.trials)["params"])
    (plain,) = gather([run])
    assert "tried first" not in dict(conditions(plain))
    assert "tried first as" not in front_table(plain).headings


def test_a_pointer_on_a_trial_shows_its_origin_escaped(warm: Gathered) -> None:
    told = [row[1] for row in hover(warm, warm.front)["customdata"]]
    assert told[:2] == [
        f"complete ({CHAIN})",
        "complete (front of &lt;a&gt;, trial 3)",
    ]
    assert told[2] == "complete"


def test_a_chain_is_no_family(make_run: MakeRun) -> None:
    run = make_run(family_size=3)
    spread = [
        replace(r, rungs=tuple(replace(g, spread={"top1": 0.01}) for g in r.rungs))
        for r in run.records
    ]
    run = replace(run, records=spread)
    rows, _ = family_rows(gather([run])[0])
    slot = int(rows["trial"].iloc[0])
    left, _ = family_rows(gather([_begun(run, chains={slot}, others=set())])[0])
    assert slot in set(rows["trial"])
    assert slot not in set(left["trial"])
