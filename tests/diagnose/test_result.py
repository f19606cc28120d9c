import json
from dataclasses import replace

from autokd.diagnose.result import Diagnosis


def test_all_numbers_are_json_and_each_quantity_says_what_it_means(diagnosis: Diagnosis) -> None:
    said = json.loads(json.dumps(diagnosis.as_dict(), allow_nan=False))
    assert said["trial"] == 17
    assert said["transfer"]["curves"][0]["method"] == "kd"
    assert len(said["angles"]["angles_degrees"]) == 6
    assert set(said["meaning"]) == {"transfer", "separation", "angles", "agreement"}


def test_a_number_that_is_not_finite_is_none(diagnosis: Diagnosis) -> None:
    classes = diagnosis.as_dict()["separation"]["classes"]
    assert classes[2]["n_images"] == 1
    assert classes[2]["margin"] is None
    assert isinstance(classes[0]["margin"], float)


def test_a_part_that_was_not_measured_is_none(diagnosis: Diagnosis) -> None:
    said = replace(diagnosis, transfer=None, angles=None).as_dict()
    assert said["transfer"] is None
    assert said["angles"] is None
    assert said["separation"] is not None
