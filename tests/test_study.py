"""A study is checked whole, with its search space; its fingerprint covers what changes results."""

import copy
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from autokd.constraints import Constraints
from autokd.definitions import find, names
from autokd.errors import DefinitionError
from autokd.methods import Needs
from autokd.study import SamplerSpec, StudySpec, fingerprint, load_study, read_study

SPACE = {
    "title": "Chains",
    "generator": "chain",
    "architecture": {"params_budget": {"type": "float", "low": 1e3, "high": 1e5, "log": True}},
    "kd": {"method": {"type": "fixed", "value": "kd"}},
}
RAW: dict[str, Any] = {
    "title": "A study",
    "search_space": SPACE,
    "data": {"source": "digits"},
    "teacher": {"source": "zoo", "model": "resnet20"},
    "training": {},
    "fidelity": {"min_epochs": 3, "max_epochs": 27},
    "objectives": [
        {"metric": "top1", "direction": "maximize", "reference": 0.2},
        {"metric": "params", "direction": "minimize", "reference": 1e6},
    ],
    "budget": {"trials": 4},
}

Edit = Callable[[dict[str, Any]], object]


def study(edit: Edit = lambda raw: None) -> StudySpec:
    raw = copy.deepcopy(RAW)
    edit(raw)
    return read_study(raw, source="studies/a.toml")


def changed(**values: Any) -> Edit:
    return lambda raw: raw.update(values)


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (
            changed(budgt={}),
            r"\[budgt\] is not one of \['assistants', .*; did you mean 'budget'\?$",
        ),
        (lambda raw: raw.pop("data"), r"\[data\] is missing$"),
        (lambda raw: raw.pop("search_space"), r"\[search_space\] is missing$"),
        (changed(search_space=3), r"\[search_space\] must be a name, a path or a table, found 3$"),
        (changed(seed=1.5), r"\[seed\] must be a whole number, found 1.5$"),
        (changed(seed=True), r"\[seed\] must be a whole number, found True$"),
        (changed(family_size=0), r"\[family_size\] must be greater than or equal to 1, found 0$"),
        (changed(data="digits"), r"\[data\] must be a table, found 'digits'$"),
        (changed(data={"source": "cifar10"}), r"\[data.root\] is missing: source 'cifar10'"),
        (
            lambda raw: raw["training"].update(batch_sise=3),
            r"\[training.batch_sise\] is not one of .*; did you mean 'batch_size'\?$",
        ),
        (
            lambda raw: raw["fidelity"].update(min_epochs=81),
            r"\[fidelity.min_epochs\] must not exceed max_epochs, found 81 and 27$",
        ),
        (
            lambda raw: raw["objectives"][0].update(metric="top5"),
            r"\[objectives.0.metric\] must be one of .*, found 'top5'; did you mean 'top1'\?$",
        ),
        (
            lambda raw: raw["objectives"][1].update(direction="maximize"),
            r"\[objectives.1.direction\] must be 'minimize' for params, found 'maximize'$",
        ),
        (
            lambda raw: raw["objectives"][1].pop("reference"),
            r"\[objectives.1.reference\] is missing$",
        ),
        (changed(objectives=[]), r"\[objectives\] must be a list of 1 or more, found \[\]$"),
        (changed(objectives={"metric": "top1"}), r"\[objectives\] must be a list, found a table$"),
        (
            lambda raw: raw["objectives"].append(raw["objectives"][0]),
            r"\[objectives\] must name different metrics, found \['top1', 'params', 'top1'\]$",
        ),
        (
            lambda raw: raw["objectives"].pop(0),
            r"\[objectives\] must name one of \['top1', .* unless .*min_top1 is set, found \['pa",
        ),
        (changed(budget={}), r"\[budget.trials\] is missing: a budget needs trials, seconds or"),
        (
            changed(search_space={**SPACE, "kd": {}}),
            r"\[search_space\]: \[kd.method\] is missing: it chooses from",
        ),
        (
            changed(search_space="chian"),
            r"\[search_space\] no search space is called 'chian'; .*; did you mean 'chain'\?",
        ),
        (changed(search_space="no.toml"), r"\[search_space\] no\.toml: there is no such file$"),
    ],
)
def test_mistake_is_answered_with_key_and_legal_values(edit: Edit, message: str) -> None:
    with pytest.raises(DefinitionError, match=rf"^studies/a\.toml:? ?{message}"):
        study(edit)


def test_search_space_is_found_beside_the_study(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "mine"
    folder.mkdir()
    text = find("studies", "digits").read_text()
    named = text.replace('search_space = "digits"', 'search_space = "space.toml"')
    (folder / "study.toml").write_text(named)
    (folder / "space.toml").write_text(find("search_spaces", "digits").read_text())
    assert load_study("mine/study.toml") == load_study("digits")


def test_mistake_in_the_search_space_names_its_own_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    text = find("studies", "digits").read_text()
    named = text.replace('search_space = "digits"', 'search_space = "space.toml"')
    Path("study.toml").write_text(named)
    Path("space.toml").write_text('title = "x"\ngenerator = "hierachical"\n[architecture]\n[kd]')
    message = r"^space\.toml: \[generator\] must be one of .*; did you mean 'hierarchical'\?$"
    with pytest.raises(DefinitionError, match=message):
        load_study("study.toml")


def test_unknown_study_is_answered_with_the_nearest() -> None:
    with pytest.raises(DefinitionError, match=r"^no study is called 'digts'; .*'digits'\?"):
        load_study("digts")


@pytest.mark.parametrize("name", names("studies"))
def test_shipped_study_loads_and_survives_json(name: str) -> None:
    spec = load_study(name)
    assert StudySpec.model_validate_json(spec.model_dump_json()) == spec


@pytest.mark.parametrize("name", names("studies"))
def test_shipped_study_counts_every_student_of_its_space(name: str) -> None:
    spec = load_study(name)
    sizes = {d.name: d.domain for d in spec.search_space.dimensions()}
    largest = sizes["architecture.params_budget"].model_dump()["high"]
    reference = next((o.reference for o in spec.objectives if o.metric == "params"), math.inf)
    assert 1.03 * largest <= reference  # a budget is hit within 3 %


@pytest.mark.parametrize("name", names("studies"))
@pytest.mark.parametrize("part", ["Command:", "Needs:", "Measured:"])
def test_header_of_a_shipped_study_says_how_and_with_what(name: str, part: str) -> None:
    header = find("studies", name).read_text().split("\n\n")[0]
    lines = [line for line in header.splitlines() if line.startswith(f"# {part}")]
    assert len(lines) == 1
    assert len(lines[0].removeprefix(f"# {part}").strip()) > 3


def test_default_study_needs_no_files_and_plans_at_least_forty_trials() -> None:
    spec = load_study("digits")
    assert (spec.data.source, spec.data.root) == ("digits", None)
    assert (spec.teacher.source, spec.teacher.model) == ("zoo", "resnet20")
    assert [objective.metric for objective in spec.objectives] == ["top1", "params"]
    assert spec.training.precision == "float32"
    assert spec.budget.trials is not None
    assert spec.budget.trials >= 40


def test_needs_are_those_of_all_methods_of_the_space() -> None:
    assert study().needs == Needs()
    methods = {"type": "categorical", "choices": ["none", "dkd", "amal"]}
    several = study(changed(search_space={**SPACE, "kd": {"method": methods}}))
    assert several.needs == Needs(class_labels=True, tuning=True, eager=True)


def test_study_without_any_need_has_none() -> None:
    alone = {**SPACE, "kd": {"method": {"type": "fixed", "value": "none"}}}
    assert study(changed(search_space=alone)).needs == Needs(teacher=False)


def test_lack_of_what_a_method_needs_is_a_mistake_of_the_study() -> None:
    meal = {**SPACE, "kd": {"method": {"type": "fixed", "value": "meal"}}}
    with pytest.raises(
        DefinitionError, match=r"^studies/a\.toml: \[teachers\] must be a list of 1"
    ):
        study(changed(search_space=meal))


def test_study_that_searches_the_method_offers_many_and_compares_with_plain_distillation() -> None:
    spec = load_study("digits_methods")
    assert {"none", "kd", "dkd", "at"} < set(spec.search_space.methods)
    plain = load_study("digits")
    assert (spec.data, spec.teacher, spec.views) == (plain.data, plain.teacher, plain.views)
    assert spec.search_space.architecture == plain.search_space.architecture
    assert spec.fidelity == plain.fidelity


def test_bounded_study_asks_for_the_best_student_of_a_size_and_is_digits_otherwise() -> None:
    spec, plain = load_study("digits_bounded"), load_study("digits")
    assert [objective.metric for objective in spec.objectives] == ["top1"]
    assert spec.constraints == Constraints(max_params=20_000)
    same = {"title", "objectives", "constraints"}
    assert spec.model_dump(exclude=same) == plain.model_dump(exclude=same)


def test_axes_are_the_objectives_in_their_order() -> None:
    assert [axis.metric for axis in study().axes] == ["top1", "params"]


SIZE: dict[str, Any] = {"metric": "params", "direction": "minimize", "reference": 1e6}
ECE: dict[str, Any] = {"metric": "ece", "direction": "minimize", "reference": 0.5}


def test_size_alone_is_an_objective_where_top1_is_bounded() -> None:
    smallest = study(changed(objectives=[SIZE], constraints={"min_top1": 0.9}))
    assert [axis.metric for axis in smallest.axes] == ["params"]


@pytest.mark.parametrize(
    ("objectives", "constraints", "raced"),
    [
        ([SIZE], {"min_top1": 0.9}, ["params", "top1"]),
        ([ECE, SIZE], {"min_top1": 0.9}, ["ece", "params", "top1"]),
        ([ECE, SIZE], {"max_params": 9}, ["ece", "params"]),
        (RAW["objectives"], {"min_top1": 0.9}, ["top1", "params"]),
        (RAW["objectives"], {}, ["top1", "params"]),
    ],
)
def test_race_compares_top1_where_it_is_bounded_and_no_objective(
    objectives: list[dict[str, Any]], constraints: dict[str, Any], raced: list[str]
) -> None:
    spec = study(changed(objectives=objectives, constraints=constraints))
    assert [axis.metric for axis in spec.race_axes] == raced
    assert spec.race_axes[: len(objectives)] == spec.axes


@pytest.mark.parametrize(
    ("edit", "needs_latency"),
    [
        (changed(), False),
        (changed(constraints={"max_params": 3}), False),
        (changed(constraints={"max_latency_s": 0.1}), True),
        (
            lambda raw: raw["objectives"].append(
                {"metric": "latency_s", "direction": "minimize", "reference": 1}
            ),
            True,
        ),
    ],
)
def test_latency_is_needed_by_an_objective_or_a_constraint(
    edit: Edit, needs_latency: bool
) -> None:
    assert study(edit).needs_latency == needs_latency


@pytest.mark.parametrize("name", names("studies"))
def test_smoke_shrinks_every_shipped_study_to_another_legal_one(name: str) -> None:
    spec, small = load_study(name), load_study(name).smoke()
    assert StudySpec.model_validate_json(small.model_dump_json()) == small
    assert small.search_space == spec.search_space
    assert small.data.train_limit is not None
    assert small.data.train_limit <= 256
    assert small.fidelity.ladder.rungs == (1, 2)
    assert small.budget.trials is not None
    assert small.budget.trials * small.fidelity.max_epochs <= 8
    assert small.teacher.min_top1 == 0
    if spec.teacher.source == "zoo":
        assert small.teacher.epochs == 1


def test_smoke_shortens_every_network_that_the_study_trains() -> None:
    def several(raw: dict[str, Any]) -> None:
        raw["teachers"] = [{"source": "zoo", "model": "resnet32", "min_top1": 0.9}]
        raw["assistants"] = [{"model": "resnet14", "epochs": 9}]

    small = study(several).smoke()
    assert [(t.epochs, t.min_top1) for t in small.teachers] == [(1, 0)]
    assert [a.epochs for a in small.assistants] == [1]


def test_smoke_asks_for_no_top1_that_short_trainings_miss() -> None:
    bounds = {"max_params": 9_000, "min_top1": 0.95}
    small = study(changed(objectives=[SIZE], constraints=bounds)).smoke()
    assert small.constraints.admits({"top1": 1 / 51})  # one image of the few is right
    assert small.constraints.max_params == 9_000
    assert StudySpec.model_validate_json(small.model_dump_json()) == small
    assert study().smoke().constraints.min_top1 is None


def test_smoke_grows_nothing() -> None:
    small = study(changed(data={"source": "digits", "train_limit": 100})).smoke()
    assert (small.data.train_limit, small.family_size) == (100, 1)
    assert study(changed(family_size=5)).smoke().family_size == 2


@pytest.mark.parametrize(
    ("edit", "part"),
    [
        (changed(seed=1), "seed"),
        (changed(family_size=2), "family_size"),
        (changed(views={"flip": True}), "views"),
        (changed(sampler={"name": "random"}), "sampler"),
        (lambda raw: raw["data"].update(split_seed=1), "data"),
        (lambda raw: raw["data"].update(tuning_fraction=0.2), "data"),
        (lambda raw: raw["data"].update(images_per_class=9), "data"),
        (lambda raw: raw["teacher"].update(seed=1), "teacher"),
        (lambda raw: raw["teacher"].update(stop_fraction=0.5), "teacher"),
        (lambda raw: raw["training"].update(batch_size=65), "training"),
        (lambda raw: raw["training"].update(schedule="branch"), "training"),
        (lambda raw: raw["fidelity"].update(eta=2), "fidelity"),
        (lambda raw: raw["objectives"][0].update(reference=0.3), "objectives"),
        (changed(constraints={"min_top1": 0.9}), "constraints"),
        (
            lambda raw: raw["search_space"]["architecture"]["params_budget"].update(low=2e3),
            "search_space",
        ),
    ],
)
def test_fingerprint_names_the_part_that_changed(edit: Edit, part: str) -> None:
    before, after = fingerprint(study()), fingerprint(study(edit))
    assert {name for name in before if before[name] != after[name]} == {part}


# Taken before there were several teachers, assistants, features, few-shot data, early stops and
# schedules, and when the study named Optuna's TPE.
DIGITS = {
    "search_space": "b866992735f87fe8",
    "data": "0ab4a096385495f3",
    "teacher": "c70475f3be95365d",
    "training": "3f46eb7ed3508787",
    "fidelity": "99060dc0fb03d893",
    "objectives": "366afd61fd2349ae",
    "views": "33eef056705f4526",
    "sampler": "9956a4ce2d180774",
    "constraints": "7e0702b1082a0d8b",
    "latency": "ed021dc9de7bdcd1",
    "family_size": "6b86b273ff34fce1",
    "seed": "5feceb66ffc86f38",
}


def test_fingerprint_of_the_default_study_is_the_one_that_older_runs_have() -> None:
    sampler = SamplerSpec(name="tpe", startup_trials=24)
    older = load_study("digits").model_copy(update={"sampler": sampler})
    assert fingerprint(older) == DIGITS


@pytest.mark.parametrize(
    ("edit", "part"),
    [
        (changed(teachers=[{"source": "zoo", "model": "resnet32"}]), "teachers"),
        (changed(assistants=[{"model": "resnet14"}]), "assistants"),
        (changed(features={"hints": "clustered"}), "features"),
        (changed(start={"chain": [3_000]}), "start"),
    ],
)
def test_fingerprint_gains_a_part_that_only_newer_studies_have(edit: Edit, part: str) -> None:
    before, after = fingerprint(study()), fingerprint(study(edit))
    assert set(after) - set(before) == {part}
    assert {name: after[name] for name in before} == before


@pytest.mark.parametrize(
    "edit",
    [
        changed(features={}),
        changed(start={"chain": []}),
        changed(teachers=[], assistants=[]),
        lambda raw: raw["data"].update(tuning_fraction=0.1),
        lambda raw: raw["teacher"].update(stop_fraction=1.0),
        lambda raw: raw["training"].update(schedule="restart"),
    ],
)
def test_fingerprint_does_not_tell_a_default_that_is_written_out(edit: Edit) -> None:
    assert fingerprint(study(edit)) == fingerprint(study())


@pytest.mark.parametrize(
    "edit",
    [
        changed(title="Another title"),
        changed(budget={"trials": 400, "seconds": 3}),
        lambda raw: raw["search_space"].update(title="Other chains"),
        lambda raw: raw["training"].update(learning_rate=0.1),  # the default, written out
        lambda raw: raw["training"].update(cuda_graph="off", recompute=True),
    ],
)
def test_fingerprint_leaves_out_what_changes_no_result(edit: Edit) -> None:
    assert fingerprint(study()) == fingerprint(study(edit))


def test_fingerprint_survives_json() -> None:
    spec = study()
    copied = StudySpec.model_validate_json(spec.model_dump_json())
    assert fingerprint(copied) == fingerprint(spec)


def test_whole_numbers_stand_for_floats_everywhere() -> None:
    def whole(raw: dict[str, Any]) -> None:
        raw["objectives"][1]["reference"] = 1000000
        raw["search_space"]["architecture"]["params_budget"].update(low=1000, high=100000)

    assert study(whole) == study()
    assert fingerprint(study(whole)) == fingerprint(study())


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_not_a_number_is_no_reference(value: float) -> None:
    with pytest.raises(DefinitionError, match=r"\[objectives.0.reference\] must be a finite numb"):
        study(lambda raw: raw["objectives"][0].update(reference=value))


def test_gp_is_refused_where_parameters_depend_on_the_method() -> None:
    both = {"type": "categorical", "choices": ["kd", "none"]}
    temperature = {"type": "float", "low": 1.0, "high": 20.0}

    def conditional(raw: dict[str, Any]) -> None:
        raw["sampler"] = {"name": "gp"}
        raw["search_space"]["kd"] = {"method": both, "temperature": temperature}

    def unconditional(raw: dict[str, Any]) -> None:
        raw["sampler"] = {"name": "gp"}
        raw["search_space"]["kd"]["temperature"] = temperature

    with pytest.raises(
        DefinitionError,
        match=r"\[sampler.name\] must not be 'gp' .* \['kd.temperature'\] depend on kd.method$",
    ):
        study(conditional)
    assert study(unconditional).sampler.name == "gp"


def test_nsga2_is_refused_where_nothing_is_searched() -> None:
    def alone(raw: dict[str, Any]) -> None:
        raw["sampler"] = {"name": "nsga2"}
        raw["search_space"]["architecture"] = {"params_budget": {"type": "fixed", "value": 5e3}}
        raw["search_space"]["kd"] = {"method": {"type": "fixed", "value": "kd"}}

    def searched(raw: dict[str, Any]) -> None:
        alone(raw)
        raw["search_space"]["kd"]["temperature"] = {"type": "float", "low": 1.0, "high": 20.0}

    def point(raw: dict[str, Any]) -> None:
        searched(raw)
        raw["search_space"]["kd"]["temperature"]["high"] = 1.0

    for change in (alone, point):
        with pytest.raises(DefinitionError, match=r"\[sampler.name\] must not be 'nsga2' where"):
            study(change)
    assert study(searched).sampler.name == "nsga2"


def test_budget_of_a_baseline_is_checked_and_smoke_keeps_one_baseline() -> None:
    started = study(changed(start={"chain": [3_000, 10_000]}))
    assert started.smoke().start.chain == (3_000.0,)
    with pytest.raises(DefinitionError, match=r"\[start.chain\] must be a float in \[500, 2e"):
        study(changed(start={"chain": [3]}))
