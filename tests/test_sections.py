"""The tables of a study file: their defaults, and what each refuses."""

from typing import Any

import pytest

from autokd.checking import Checked, validate
from autokd.constraints import Constraints
from autokd.errors import DefinitionError
from autokd.fidelity import Ladder
from autokd.pareto import Axis
from autokd.sections import (
    METRICS,
    Budget,
    DataSpec,
    Fidelity,
    Latency,
    Objective,
    SamplerSpec,
    Training,
)


def objective(metric: str, reference: float, **changes: str) -> dict[str, Any]:
    direction = METRICS[metric]  # type: ignore[index]
    return {"metric": metric, "direction": direction, "reference": reference, **changes}


@pytest.mark.parametrize(
    ("table", "raw", "message"),
    [
        (DataSpec, {"source": "cifar10"}, r"\[root\] is missing: source 'cifar10' needs a folder"),
        (
            DataSpec,
            {"source": "fashion-mnist"},
            r"\[source\] must be one of .*mean 'fashion_mnist'\?$",
        ),
        (DataSpec, {"source": "digits", "image_size": 7}, r"\[image_size\] must be greater than"),
        (DataSpec, {"source": "digits", "image_size": 225}, r"\[image_size\] must be less than"),
        (DataSpec, {"source": "digits", "train_limit": 0}, r"\[train_limit\] must be greater"),
        (
            DataSpec,
            {"source": "digits", "validation_fraction": 1},
            r"\[validation_fraction\] must be less than 1, found 1$",
        ),
        (
            DataSpec,
            {"source": "digits", "test_fraction": 0.0},
            r"\[test_fraction\] must be greater than 0, found 0.0$",
        ),
        (
            DataSpec,
            {"source": "digits", "tuning_fraction": 1.0},
            r"\[tuning_fraction\] must be less than 1, found 1.0$",
        ),
        (
            DataSpec,
            {"source": "digits", "images_per_class": 0},
            r"\[images_per_class\] must be greater than or equal to 1, found 0$",
        ),
        (Training, {"batch_size": "64"}, r"\[batch_size\] must be a whole number, found '64'$"),
        (Training, {"batch_size": 64.0}, r"\[batch_size\] must be a whole number, found 64.0$"),
        (Training, {"momentum": 1}, r"\[momentum\] must be less than 1, found 1$"),
        (Training, {"learning_rate": 0}, r"\[learning_rate\] must be greater than 0, found 0$"),
        (Training, {"precision": "float16"}, r"\[precision\] must be one of \['float32', 'auto'"),
        (Training, {"cuda_graph": "on"}, r"\[cuda_graph\] must be one of \['auto', 'off'\]"),
        (Training, {"schedule": "brnch"}, r"\[schedule\] must be one of .* mean 'branch'\?$"),
        (Training, {"recompute": 1}, r"\[recompute\] must be true or false, found 1$"),
        (Fidelity, {"min_epochs": 3}, r"\[max_epochs\] is missing$"),
        (
            Fidelity,
            {"min_epochs": 9, "max_epochs": 3},
            r"\[min_epochs\] must not exceed max_epochs, found 9 and 3$",
        ),
        (Fidelity, {"min_epochs": 1, "max_epochs": 3, "eta": 1}, r"\[eta\] must be greater than"),
        (
            Objective,
            objective("top1", 0.2, direction="minimize"),
            r"\[direction\] must be 'maximize' for top1, found 'minimize'$",
        ),
        (
            Objective,
            objective("top1", 1.0),
            r"\[reference\] must be in \[0, 1\) for top1, found 1",
        ),
        (Objective, objective("ece", 0.0), r"\[reference\] must be in \(0, 1\] for ece, found 0$"),
        (Objective, objective("kl", 0), r"\[reference\] must be above 0 for kl, found 0$"),
        (Objective, objective("params", 0), r"\[reference\] must be above 0 for params, found 0$"),
        (
            Objective,
            {**objective("top1", 0.2), "metric": "acc"},
            r"\[metric\] must be one of \['top1', 'ece', .*\], found 'acc'$",
        ),
        (Constraints, {"max_parms": 3}, r"\[max_parms\] is not one of .*mean 'max_params'\?$"),
        (Constraints, {"max_params": 1e5}, r"\[max_params\] must be a whole number, found 100000"),
        (Latency, {"threads": 0}, r"\[threads\] must be greater than or equal to 1, found 0$"),
        (SamplerSpec, {"name": "tpee"}, r"\[name\] must be one of .*; did you mean 'tpe'\?$"),
        (Budget, {}, r"\[trials\] is missing: a budget needs trials, seconds or both$"),
        (Budget, {"seconds": 0}, r"\[seconds\] must be greater than 0, found 0$"),
    ],
)
def test_illegal_value_is_refused_with_key_and_legal_values(
    table: type[Checked], raw: dict[str, Any], message: str
) -> None:
    with pytest.raises(DefinitionError, match=rf"^s\.toml: {message}"):
        validate(table, raw, source="s.toml")


@pytest.mark.parametrize(
    ("table", "raw"),
    [
        (DataSpec, {"source": "digits"}),
        (DataSpec, {"source": "arrays"}),
        (DataSpec, {"source": "cifar10", "root": "."}),
        (DataSpec, {"source": "digits", "tuning_fraction": 0.3, "images_per_class": 5}),
        (Training, {"learning_rate": 1}),
        (Training, {"schedule": "average"}),
        (Fidelity, {"min_epochs": 4, "max_epochs": 4}),
        (Budget, {"seconds": 60}),
        (Budget, {"trials": 1}),
    ],
)
def test_legal_table_is_accepted_with_ints_for_floats(
    table: type[Checked], raw: dict[str, Any]
) -> None:
    model = validate(table, raw, source="s.toml")
    assert table.model_validate_json(model.model_dump_json()) == model


def test_fidelity_is_a_ladder_in_epochs() -> None:
    assert Fidelity(min_epochs=3, max_epochs=27, eta=3).ladder == Ladder((3, 9, 27))


@pytest.mark.parametrize(
    ("metric", "reference", "axis"),
    [
        ("top1", 0.2, Axis("top1", "maximize", "linear", 0.2)),
        ("agreement", 0, Axis("agreement", "maximize", "linear", 0.0)),
        ("ece", 1, Axis("ece", "minimize", "linear", 1.0)),
        ("nll", 2.5, Axis("nll", "minimize", "linear", 2.5)),
        ("sde", 3, Axis("sde", "minimize", "linear", 3.0)),
        ("params", 1e6, Axis("params", "minimize", "log10", 1e6)),
        ("latency_s", 0.1, Axis("latency_s", "minimize", "log10", 0.1)),
    ],
)
def test_objective_is_an_axis_with_sizes_on_a_log_scale(
    metric: str, reference: float, axis: Axis
) -> None:
    raw = objective(metric, reference)
    assert validate(Objective, raw, source="s.toml").axis == axis


@pytest.mark.parametrize("metric", METRICS)
def test_every_metric_can_be_an_objective(metric: str) -> None:
    assert validate(Objective, objective(metric, 0.5), source="s.toml").axis.metric == metric
