from dataclasses import replace

from autokd.diagnose.angles import Angles, Bin
from autokd.diagnose.geometry import ClassSeparation, Separation
from autokd.diagnose.result import Diagnosis
from autokd.diagnose.tables import (
    agreement_table,
    angles_line,
    separation_line,
    separation_table,
    terminal_text,
    transfer_table,
)
from autokd.diagnose.transfer import Curve, Share, Transfer

MISSING = "\N{EN DASH}"
NAN = float("nan")
SEPARATION = Separation(
    5.0,
    0.25,
    64,
    (
        ClassSeparation(0, 9, 1.5, 1, 7.0, 0.4, 0.9),
        ClassSeparation(1, 8, 1.5, 0, 7.0, 0.1, 0.8),
        ClassSeparation(2, 1, 0.0, 0, 9.0, NAN, NAN),
    ),
)
NAMES = ("cat", "dog", "eel")


def test_risk_has_mean_spread_and_whether_it_fell(transfer: Transfer) -> None:
    table = transfer_table(transfer)
    first, second, third = (dict(zip(table.headings, row, strict=True)) for row in table.rows)
    assert first["images"] == "100"
    assert first["risk, kd"] == "0.4000 ± 0.1000"
    assert [row["fell, kd"] for row in (first, second, third)] == [
        MISSING,
        "yes, 2 of 3",
        "no, 1 of 3",
    ]
    assert third["fell, hard labels"] == "no, 0 of 3"
    assert third["differs"] == "0.1000 ± 0.0000"


def test_one_seed_has_no_spread(transfer: Transfer) -> None:
    curve = Curve("none", (Share(1.0, 4, (0.5,), (0.25,)),))
    table = transfer_table(replace(transfer, curves=(curve,)))
    assert table.rows == (("1", "4", "0.5000", MISSING, "0.2500"),)


def test_the_class_that_is_separated_least_is_named_and_stands_first() -> None:
    assert separation_line(SEPARATION, NAMES).endswith("'dog' (nearest: 'cat'), 0.100")
    rows = separation_table(SEPARATION, NAMES).rows
    assert [row[0] for row in rows] == ["dog", "cat", "eel"]
    assert rows[2][2:4] == (MISSING, MISSING)


def test_without_any_margin_no_class_is_named() -> None:
    line = separation_line(replace(SEPARATION, margin=NAN, classes=()), NAMES)
    assert "least" not in line
    assert f"margin {MISSING}" in line


def test_angles_say_what_is_close_and_where_students_agree() -> None:
    angles = Angles((5.0, 15.0, 25.0, 35.0), (Bin(5.0, 15.0, 2, (0.5, 1.0)),))
    assert angles_line(angles).endswith(
        "median 15.0 degrees, 25.0% of the images below 10 degrees"
    )
    assert agreement_table(angles).rows == (("5.0 to 15.0", "2", "0.7500 ± 0.3536"),)


def test_terminal_shows_the_parts_that_were_measured(diagnosis: Diagnosis) -> None:
    text = terminal_text(diagnosis)
    assert text.startswith("trial 17 of digits, 6 images\n")
    for word in ("risk, kd", "scatter", "degrees", "agreement"):
        assert word in text
    alone = terminal_text(replace(diagnosis, transfer=None, angles=None))
    assert "scatter" in alone
    assert "risk" not in alone
