"""The end of a search: the test set, measured once, for the front alone."""

from autokd.distill import PreparedStudy, predict, score
from autokd.graphs import ArchGraph
from autokd.runs import Ledger, RunFolder, load_run
from autokd.students import build, load_weights

__all__ = ["measure_test"]


def measure_test(folder: RunFolder, ledger: Ledger, prepared: PreparedStudy) -> None:
    """Measure the front's students on the test images and note the result in the ledger.

    A member that was measured at the end of an earlier session is not measured again.

    Args:
        folder: Run folder, with the front's weights.
        ledger: Where the result goes.
        prepared: The prepared study.

    Raises:
        RunError: If weights are missing or the storage fails.
    """
    run = load_run(folder.path)
    tests = dict(ledger.noted("tests") or {})
    for slot in run.front()["trial"]:
        if str(slot) not in tests:
            tests[str(slot)] = _scores(run.graph(slot), folder, int(slot), prepared)
    ledger.note("tests", tests)


def _scores(
    graph: ArchGraph, folder: RunFolder, slot: int, prepared: PreparedStudy
) -> dict[str, float]:
    dataset = prepared.dataset
    student = build(graph, prepared.shape, mean=dataset.mean, std=dataset.std, seed=0)
    load_weights(student, folder.weights(slot))
    logits = predict(student.to(prepared.device), dataset.test.images)
    return score(logits, dataset.test.labels, prepared.outputs.test)
