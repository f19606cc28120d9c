import pytest

from autokd.errors import ExportError, StudentTooSmall
from autokd.export.facts import data_facts
from autokd.export.members import MAX_DRAWS, Member, choose_members
from autokd.graphs import GENERATORS, Generator
from autokd.runs import Run

LARGE, STOPPED = 1, 3


def _choose(run: Run, slot: int, *, n: int = 3, fresh: bool = False) -> list[Member]:
    shape = data_facts(run).shape
    return choose_members(run, slot, n=n, members="fresh" if fresh else "same", shape=shape)


def test_same_is_one_graph_from_different_seeds(run: Run) -> None:
    members = _choose(run, LARGE)
    assert {member.graph for member in members} == {run.graph(LARGE)}
    assert len({member.seed for member in members}) == 3


def test_fresh_are_different_graphs_that_do_not_depend_on_how_many(run: Run) -> None:
    members = _choose(run, LARGE, fresh=True)
    assert len({member.graph.digest for member in members}) == 3
    assert members[:2] == _choose(run, LARGE, n=2, fresh=True)


def test_trials_do_not_share_seeds(run: Run) -> None:
    seeds = {member.seed for slot in (LARGE, STOPPED) for member in _choose(run, slot)}
    assert len(seeds) == 6


def test_a_draw_that_misses_its_budget_is_replaced_by_the_next(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = _choose(run, LARGE, n=3, fresh=True)
    real, calls = GENERATORS["flat"], []

    def draw(*arguments: object, **named: object) -> object:
        calls.append(named)
        if len(calls) == 2:
            raise StudentTooSmall("too small", violation=0.1)
        return real.draw(*arguments, **named)  # type: ignore[arg-type]

    fake = Generator("flat", real.parameters, draw)  # type: ignore[arg-type]
    monkeypatch.setitem(GENERATORS, "flat", fake)
    found = [member.graph for member in _choose(run, LARGE, n=2, fresh=True)]
    assert found == [expected[0].graph, expected[2].graph]


def test_a_family_that_cannot_meet_its_budget_is_refused(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def draw(*_: object, **__: object) -> object:
        raise StudentTooSmall("too small", violation=0.1)

    fake = Generator("flat", GENERATORS["flat"].parameters, draw)  # type: ignore[arg-type]
    monkeypatch.setitem(GENERATORS, "flat", fake)
    with pytest.raises(ExportError, match=f"only 0 of {MAX_DRAWS} fresh draws of trial {LARGE}"):
        _choose(run, LARGE, n=1, fresh=True)


def test_fresh_members_of_a_baseline_are_drawn_by_its_own_generator(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A chain leaves nothing to chance: its members differ in weights alone."""
    point = {"generator": "chain", "architecture.params_budget": 3e3, "kd.method": "kd"}
    monkeypatch.setattr(type(run), "point", lambda _self, _slot: dict(point))
    members = _choose(run, LARGE, n=2, fresh=True)
    chain = GENERATORS["chain"].draw({"params_budget": 3e3}, seed=0, shape=data_facts(run).shape)
    assert [member.graph for member in members] == [chain, chain]
    assert members[0].seed != members[1].seed
