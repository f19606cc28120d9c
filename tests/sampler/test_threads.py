"""A proposal's threads."""

from collections.abc import Iterator

import numpy as np
import optuna
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from autokd.sampler import AutokdSampler, Preview
from autokd.sampler.threads import one_thread


def _most_blas_threads() -> int:
    pools = [pool for pool in threadpool_info() if pool["user_api"] == "blas"]
    return max((pool["num_threads"] for pool in pools), default=0)


@pytest.fixture
def two_threads() -> Iterator[None]:
    """Give BLAS two threads, whatever this machine has."""
    np.linalg.inv(np.eye(2))
    if not _most_blas_threads():
        pytest.skip("no BLAS library here that can be told how many threads to take")
    with threadpool_limits(limits=2, user_api="blas"):
        yield


@pytest.mark.usefixtures("two_threads")
def test_a_block_takes_one_thread_and_then_as_many_as_before() -> None:
    with one_thread():
        assert _most_blas_threads() == 1
    assert _most_blas_threads() == 2


@pytest.mark.usefixtures("two_threads")
def test_a_proposal_is_made_with_one_thread() -> None:
    found = []

    def preview(point: object) -> Preview:
        found.append(_most_blas_threads())
        return Preview(str(point))

    study = optuna.create_study(sampler=AutokdSampler(preview=preview, seed=0))
    study.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=3)
    assert set(found) == {1}
    assert _most_blas_threads() == 2


@pytest.mark.usefixtures("two_threads")
def test_blocks_that_overlap_leave_as_many_threads_as_before() -> None:
    first, second = one_thread(), one_thread()
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    assert _most_blas_threads() == 1
    second.__exit__(None, None, None)
    assert _most_blas_threads() == 2
