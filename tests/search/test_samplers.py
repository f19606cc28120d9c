import optuna
import pytest
from optuna.samplers import GPSampler, NSGAIISampler, RandomSampler

from autokd.search.samplers import make_sampler
from autokd.search.tpe import Tpe
from autokd.study import SamplerSpec


@pytest.mark.parametrize(
    ("name", "kind"),
    [("tpe", Tpe), ("nsga2", NSGAIISampler), ("gp", GPSampler), ("random", RandomSampler)],
)
def test_a_name_gives_its_sampler(name: str, kind: type) -> None:
    spec = SamplerSpec(name=name, startup_trials=5)  # type: ignore[arg-type]
    assert type(make_sampler(spec, seed=1)) is kind


def test_tpe_models_conditional_parameters_instead_of_drawing_them_at_random() -> None:
    study = optuna.create_study(directions=["minimize", "minimize"])
    for slot in range(60):
        study.sampler = make_sampler(SamplerSpec(name="tpe", startup_trials=10), seed=slot)
        trial = study.ask()
        method = trial.suggest_categorical("method", ["kd", "none"])
        x = trial.suggest_float("x", 0, 1) if method == "kd" else 1.0
        study.tell(trial, [x, x])
    late = [t.params["x"] for t in study.trials[30:] if "x" in t.params]
    assert len(late) > 10
    assert sum(late) / len(late) < 0.2  # a random draw gives 0.5


def test_autokds_own_sampler_is_not_made_from_a_name_alone() -> None:
    with pytest.raises(AssertionError, match="needs to know the study"):
        make_sampler(SamplerSpec(), seed=1)


@pytest.mark.parametrize(("name", "n_startup"), [("autokd", 4), ("tpe", 10), ("nsga2", 10)])
def test_a_sampler_starts_as_long_as_its_kind_needs_unless_the_study_says(
    name: str, n_startup: int
) -> None:
    assert SamplerSpec(name=name).n_startup == n_startup  # type: ignore[arg-type]
    assert SamplerSpec(name=name, startup_trials=7).n_startup == 7  # type: ignore[arg-type]
    assert SamplerSpec(name=name).asks_ahead == (name == "autokd")  # type: ignore[arg-type]


def test_the_same_seed_draws_the_same_first_point() -> None:
    def draw(seed: int) -> float:
        sampler = make_sampler(SamplerSpec(name="random"), seed=seed)
        return optuna.create_study(sampler=sampler).ask().suggest_float("x", 0, 1)

    assert draw(3) == draw(3)
    assert draw(3) != draw(4)
