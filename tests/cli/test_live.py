import io
from dataclasses import replace

import pytest
from rich.console import Console

from autokd.cli.live import (
    LiveListener,
    PlainListener,
    clock,
    counts,
    draw,
    standing,
    timing,
    watcher,
)
from autokd.search import Snapshot

SNAPSHOT = Snapshot(
    complete=9,
    stopped=20,
    infeasible=1,
    failed=1,
    running={31: "17,204 params, 9 of 27 epochs"},
    total=80,
    seconds_limit=None,
    elapsed_s=83.0,
    remaining_s=130.0,
    hypervolume=1.5324,
    front=[(slot, {"params": 1e3 * (slot + 1), "top1": 0.9}) for slot in range(14)],
)


def _console(*, is_terminal: bool) -> tuple[Console, io.StringIO]:
    file = io.StringIO()
    return Console(file=file, force_terminal=is_terminal, width=100), file


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0:00"), (59.6, "1:00"), (125, "2:05"), (3725, "1:02:05")]
)
def test_durations_are_minutes_and_seconds(seconds: float, text: str) -> None:
    assert clock(seconds) == text


def test_counts_and_timing_say_everything() -> None:
    assert counts(SNAPSHOT) == (
        "31 of 80 trials: 9 complete, 20 stopped early, 1 infeasible, 1 failed, 1 running"
    )
    assert timing(SNAPSHOT) == "1:23 elapsed, 2.7 s a trial, about 2:10 to go"
    begun = replace(SNAPSHOT, complete=0, stopped=0, infeasible=0, failed=0, remaining_s=None)
    assert timing(begun) == "1:23 elapsed"
    assert counts(replace(begun, total=None)).startswith("0 trials:")


def test_what_is_to_go_is_not_guessed_from_the_first_trials() -> None:
    first = replace(SNAPSHOT, complete=5, stopped=0, infeasible=0, failed=0)
    assert timing(first) == "1:23 elapsed, 16.6 s a trial"
    assert timing(replace(first, stopped=1)).endswith(", about 2:10 to go")
    assert timing(replace(first, seconds_limit=213.0)).endswith(", about 2:10 to go")


def test_trials_below_a_bound_are_counted_among_the_complete() -> None:
    assert counts(replace(SNAPSHOT, n_below=4)).startswith(
        "31 of 80 trials: 9 complete (4 below min_top1), 20 stopped early,"
    )


def test_repeats_are_counted_where_there_are_any() -> None:
    assert counts(replace(SNAPSHOT, repeated=3)).startswith(
        "34 of 80 trials: 9 complete, 20 stopped early, 3 repeated, 1 infeasible,"
    )


@pytest.mark.parametrize(
    ("objectives", "text"),
    [
        (("top1", "params"), "front of 14, hypervolume 1.532"),
        (("top1",), "best top1 0.9000"),
        (("params",), "best params 1,000"),
    ],
)
def test_a_front_is_told_by_its_hypervolume_and_one_objective_by_its_best(
    objectives: tuple[str, ...], text: str
) -> None:
    assert standing(replace(SNAPSHOT, objectives=objectives)) == text


def test_one_objective_without_a_member_has_no_best() -> None:
    assert standing(replace(SNAPSHOT, objectives=("params",), front=[])) == "no params yet"


def test_the_display_shows_running_trials_and_a_front_that_fits() -> None:
    console, file = _console(is_terminal=False)
    console.print(draw(SNAPSHOT))
    text = file.getvalue()
    assert "trial 31: 17,204 params, 9 of 27 epochs" in text
    assert "front of 14, hypervolume 1.532" in text
    assert "and 2 larger" in text
    assert any(line.strip("━╸╺ ") == "" and "━" in line for line in text.splitlines())


def test_without_a_terminal_there_are_plain_lines_and_not_too_many() -> None:
    console, file = _console(is_terminal=False)
    with watcher(console) as listener:
        assert isinstance(listener, PlainListener)
        for done in range(4):
            listener.preparing("views", done, 3)
        for _ in range(50):
            listener.changed(SNAPSHOT)
        listener.told("trial 3 failed: Diverged: [bold]not markup[/]")
        listener.changed(replace(SNAPSHOT, stopped=69))
    lines = file.getvalue().splitlines()
    assert lines[0] == "asking the teacher about the views ..."
    assert lines[1] == "asking the teacher about the views: done"
    assert "31 of 80 trials" in lines[2]
    assert lines[3] == "trial 3 failed: Diverged: [bold]not markup[/]"
    assert "80 of 80 trials" in lines[4]  # the last one is always printed
    assert len(lines) == 5
    assert "\x1b" not in file.getvalue()


def test_a_preparation_that_never_tells_of_its_0_is_shown_from_its_first_step_on() -> None:
    console, file = _console(is_terminal=False)
    listener = PlainListener(console)
    listener.preparing("teacher", 1, 15)
    assert file.getvalue() == "training the teacher ...\n"
    for done in range(2, 16):
        listener.preparing("teacher", done, 15)
    assert file.getvalue() == "training the teacher ...\ntraining the teacher: done\n"


def test_images_that_are_counted_and_then_read_are_shown_once() -> None:
    console, file = _console(is_terminal=False)
    listener = PlainListener(console)
    for done, total in [(0, 1), (500, 1000), (1000, 1000), (1, 1)]:
        listener.preparing("data", done, total)
    assert file.getvalue() == "reading the images ...\nreading the images: done\n"


def test_on_a_terminal_there_is_a_live_display() -> None:
    console, file = _console(is_terminal=True)
    with watcher(console) as listener:
        assert isinstance(listener, LiveListener)
        listener.preparing("teacher", 3, 30)
        listener.changed(SNAPSHOT)
        listener.told("trial 3 failed")
    text = file.getvalue()
    assert "training the teacher" in text
    assert "31 of 80 trials" in text
    assert "trial 3 failed" in text
