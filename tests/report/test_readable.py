from autokd.report.readable import ReadableRun
from autokd.runs.run import Run


def readable(run: Run) -> ReadableRun:
    """The type checker accepts this only while a run is readable."""
    return run


def test_a_run_has_what_the_report_asks_for() -> None:
    asked = {name for name in vars(ReadableRun) if not name.startswith("_")}
    kept_in_init = {"folder", "spec", "info"}
    assert asked - kept_in_init <= set(dir(Run))
    assert kept_in_init <= set(Run.__init__.__code__.co_names)
