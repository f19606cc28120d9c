import optuna
import pytest

from autokd.runs.importance import MIN_TRIALS, importances


def _study(n_trials: int) -> optuna.Study:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(
        directions=["maximize", "minimize"], sampler=optuna.samplers.RandomSampler(seed=0)
    )
    for _ in range(n_trials):
        trial = study.ask()
        matters, idle = trial.suggest_float("matters", 0, 1), trial.suggest_float("idle", 0, 1)
        study.tell(trial, [1 - matters + 0 * idle, 1 + matters])
    return study


def test_the_parameter_that_decides_has_the_largest_share() -> None:
    def skewed(trial: optuna.Trial) -> tuple[float, float]:
        matters = trial.suggest_float("matters", 0, 1)
        trial.suggest_float("idle", 0, 1)
        return 1 - matters, matters

    study = optuna.create_study(
        directions=["maximize", "minimize"], sampler=optuna.samplers.RandomSampler(seed=0)
    )
    study.optimize(skewed, n_trials=80)
    shares = importances(study)
    assert next(iter(shares)) == "matters"
    assert shares["matters"] > 0.8
    assert sum(shares.values()) == pytest.approx(1.0)


def test_too_few_trials_give_no_shares() -> None:
    assert importances(_study(MIN_TRIALS - 1)) == {}
    assert set(importances(_study(MIN_TRIALS))) == {"matters", "idle"}
