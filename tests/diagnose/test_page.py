import re
from dataclasses import replace
from html import escape

from autokd.diagnose.meaning import MEANINGS
from autokd.diagnose.page import page
from autokd.diagnose.result import Diagnosis


def test_every_quantity_stands_beside_what_it_can_and_cannot_tell(diagnosis: Diagnosis) -> None:
    html = page(diagnosis)
    for meaning in MEANINGS.values():
        assert escape(meaning.text) in html
    assert len(re.findall('data-figure="figure-[1-5]"', html)) == 5


def test_names_from_outside_are_text(diagnosis: Diagnosis) -> None:
    html = re.sub(r"<script[^>]*>.*?</script>", "", page(diagnosis), flags=re.DOTALL)
    assert "Digits &lt;i&gt;" in html
    assert "<b>one" not in html
    assert "<i>" not in html


def test_what_was_not_measured_is_not_there(diagnosis: Diagnosis) -> None:
    html = page(replace(diagnosis, transfer=None, separation=None))
    assert "Strong monotonicity" not in html
    assert "separation of the classes" not in html
    assert "Angle to the teacher" in html


def test_without_students_there_is_no_agreement(diagnosis: Diagnosis) -> None:
    assert diagnosis.angles is not None
    html = page(replace(diagnosis, angles=replace(diagnosis.angles, bins=())))
    assert "Agreement by angle" not in html


def test_a_teacher_that_saw_the_validation_images_is_pointed_out(diagnosis: Diagnosis) -> None:
    said = "the teacher was trained on the validation images"
    assert said not in page(diagnosis)
    assert said in page(replace(diagnosis, teacher={**diagnosis.teacher, "saw_validation": True}))
