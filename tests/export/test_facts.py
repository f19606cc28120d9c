import pytest

from autokd.data import Dataset
from autokd.errors import ExportError
from autokd.export.facts import data_facts
from autokd.runs import Run


def test_facts_are_those_of_the_images(run: Run, dataset: Dataset) -> None:
    facts = data_facts(run)
    assert facts.shape == dataset.shape
    assert facts.class_names == dataset.class_names
    assert (facts.mean, facts.std) == (dataset.mean, dataset.std)
    assert facts.digest == dataset.digest
    assert facts.n_validation == len(dataset.validation)
    assert facts.n_test == len(dataset.test)


def test_a_missing_fact_is_named_with_its_file(run: Run) -> None:
    run.info = {**run.info, "data": {**run.info["data"]}}
    del run.info["data"]["mean"]
    with pytest.raises(ExportError, match=r"run.json: \[data.mean\] is missing"):
        data_facts(run)
