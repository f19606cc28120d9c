from dataclasses import replace
from typing import Any

from autokd.distill import PreparedStudy
from autokd.search.progress import Listener, Silent, Snapshot, opening


def test_closed_counts_every_end_and_nothing_that_runs() -> None:
    snapshot = Snapshot(
        complete=4,
        stopped=3,
        infeasible=2,
        failed=1,
        running={11: ""},
        total=20,
        seconds_limit=None,
        elapsed_s=1.0,
        remaining_s=None,
        hypervolume=0.5,
        repeated=5,
    )
    assert snapshot.closed == 15


def test_silent_is_a_listener_that_says_nothing(capsys: object) -> None:
    listener: Listener = Silent()
    listener.preparing("data", 0, 1)
    listener.told("news")
    assert isinstance(listener, Silent)


def test_the_opening_names_study_images_teacher_budget_and_workers(
    prepared: PreparedStudy,
) -> None:
    dataset, facts = prepared.dataset, replace(prepared.facts, trained_s=None)
    assert opening(replace(prepared, facts=facts), n_workers=2) == [
        "study       A study",
        (
            f"images      {len(dataset.train)} train, {len(dataset.validation)} validation, "
            f"{len(dataset.test)} test"
        ),
        f"teacher     resnet8, {facts.params:,} params, top1 {facts.top1:.4f} on validation",
        "budget      6 trials",
        "workers     2",
    ]


def test_the_opening_names_all_who_teach_and_what_their_training_took(
    prepared: PreparedStudy,
) -> None:
    facts = replace(prepared.facts, params=None, top1=0.5, trained_s=None)
    crowded = replace(
        prepared,
        more_facts=(replace(facts, name="given"),),
        assistant_facts=(replace(facts, name="small", params=12_345, trained_s=1234.5),),
    )
    lines = opening(crowded, n_workers=0)
    assert lines[3:5] == [
        "teacher     given, unknown size, top1 0.5000 on validation",
        ("assistant   small, 12,345 params, top1 0.5000 on validation, trained in 1,234 s"),
    ]


def test_the_opening_names_every_limit_and_says_where_students_train_without_workers(
    make_spec: Any, prepared: PreparedStudy
) -> None:
    spec = make_spec(budget={"trials": 1_000_000, "seconds": 2.5})
    budget, workers = opening(replace(prepared, spec=spec), n_workers=0)[-2:]
    assert budget == "budget      1,000,000 trials or 2.5 seconds"
    assert workers == "workers     none: students train in this process"
