import json
from dataclasses import asdict

from autokd.parameters import Value
from autokd.runs.record import Record, RungResult


def _record() -> Record:
    return Record(
        slot=3,
        attempt=1,
        seed=7,
        point={"architecture.op": "conv3x3", "kd.temperature": 4.0},
        cost={"params": 1200.0},
        graphs=("ab", "cd"),
        began_s=1.5,
    )


def test_a_record_survives_json() -> None:
    record = _record().with_rung(RungResult(3, {"top1": 0.9}, {"top1": 0.01}, 2.0, True, "first"))
    record = record.with_rung(RungResult(9, {"top1": 0.95}, recall_changes=(-0.1, 0.0)))
    assert Record.from_dict(json.loads(json.dumps(record.as_dict()))) == record


def test_a_record_is_written_field_by_field() -> None:
    record = _record().with_rung(RungResult(3, {"top1": 0.9}, {"top1": 0.01}, 2.0, True, "first"))
    closed = record.with_rung(RungResult(9, {"top1": 0.95})).ended("complete", at_s=3.0)
    assert json.dumps(closed.as_dict()) == json.dumps(asdict(closed))  # the same order of keys


def test_a_record_from_before_changes_of_recall_were_kept_is_read() -> None:
    record = _record().with_rung(RungResult(3, {"top1": 0.9}))
    raw = json.loads(json.dumps(record.as_dict()))
    del raw["rungs"][0]["recall_changes"]
    assert Record.from_dict(raw) == record


def test_metrics_are_those_of_the_highest_rung() -> None:
    record = _record()
    assert record.metrics == {"params": 1200.0}
    assert record.epochs == 0
    longer = record.with_rung(RungResult(3, {"top1": 0.5})).with_rung(RungResult(9, {"top1": 0.7}))
    assert longer.metrics == {"top1": 0.7}
    assert longer.epochs == 9


def test_seconds_add_up_over_rungs() -> None:
    record = (
        _record()
        .with_rung(RungResult(3, {}, seconds=1.5))
        .with_rung(RungResult(9, {}, seconds=2.5))
    )
    assert record.seconds == 4.0


def test_an_interrupted_attempt_drops_its_rungs_and_a_stopped_one_keeps_them() -> None:
    record = _record().with_rung(RungResult(3, {"top1": 0.5}))
    assert record.ended("interrupted", at_s=9.0, reason="killed").rungs == ()
    stopped = record.ended("stopped", at_s=9.0, reason="place 3 of 3")
    assert stopped.rungs == record.rungs
    assert (stopped.outcome, stopped.ended_s, stopped.reason) == ("stopped", 9.0, "place 3 of 3")


def test_a_record_that_continues_a_stopped_one_has_its_seed_and_its_rungs_for_nothing() -> None:
    stopped = _record().with_rung(RungResult(3, {"top1": 0.8}, {}, 2.0, True, "place 1 of 3"))
    stopped = stopped.with_rung(RungResult(9, {"top1": 0.9}, {}, 4.0, False, "place 3 of 3"))
    again = Record(slot=8, attempt=0, seed=1, point=stopped.point, began_s=20.0)
    record = again.continuing(stopped.ended("stopped", at_s=9.0, reason="place 3 of 3"))
    assert (record.slot, record.continues, record.seed) == (8, 3, 7)
    assert (record.outcome, record.reason, record.ended_s) == ("running", "", None)
    assert [rung.epochs for rung in record.rungs] == [3, 9]
    assert record.seconds == 0
    assert record.rungs[1].goes_on
    assert record.rungs[1].verdict == "place 3 of 3; proposed again as trial 8"
    assert Record.from_dict(json.loads(json.dumps(record.as_dict()))) == record


def test_a_record_that_continues_a_stopped_baseline_is_none_itself() -> None:
    own: dict[str, Value] = {"architecture.params_budget": 3001.0, "kd.method": "kd"}
    chain: dict[str, Value] = {"generator": "chain", **own}
    stopped = Record(0, 0, 7, chain, origin="chain baseline of 3,000 params")
    stopped = stopped.with_rung(RungResult(3, {"top1": 0.8})).ended("stopped", at_s=9.0)
    record = Record(slot=8, attempt=0, seed=1, point=own).continuing(stopped)
    assert (record.continues, record.seed, record.epochs) == (0, 7, 3)
    assert (record.point, record.origin, record.is_baseline) == (own, "", False)


def test_a_record_from_before_stopped_ones_were_continued_is_read() -> None:
    raw = json.loads(json.dumps(_record().as_dict()))
    del raw["continues"]
    assert Record.from_dict(raw) == _record()


def test_costing_adds_cost_and_graphs() -> None:
    record = Record(0, 0, 1, {}).costing({"params": 5.0}, graphs=["x"])
    assert record.cost == {"params": 5.0}
    assert record.graphs == ("x",)


def test_a_record_from_before_there_were_origins_is_read() -> None:
    raw = json.loads(json.dumps(_record().as_dict()))
    del raw["origin"]
    assert Record.from_dict(raw) == _record()


def test_a_baseline_names_the_generator_that_drew_it() -> None:
    assert Record(0, 0, 1, {"generator": "chain", "kd.method": "kd"}).is_baseline
    assert not _record().is_baseline
