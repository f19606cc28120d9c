from autokd.search.progress import Listener, Silent, Snapshot


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
    )
    assert snapshot.closed == 10


def test_silent_is_a_listener_that_says_nothing(capsys: object) -> None:
    listener: Listener = Silent()
    listener.preparing("data", 0, 1)
    listener.told("news")
    assert isinstance(listener, Silent)
