import pytest

from autokd.methods import METHODS, Needs
from autokd.methods.words import described, needed


@pytest.mark.parametrize(
    ("needs", "words"),
    [
        (Needs(), "teacher"),
        (Needs(teacher=False), "nothing"),
        (Needs(teacher=False, eager=True), "nothing"),
        (Needs(teachers=1, features=True), "teacher, further teachers (1 or more), features"),
        (Needs(teacher=False, assistants=2), "assistants (2 or more)"),
        (Needs(class_labels=True, tuning=True), "teacher, tuning images, class labels"),
        (Needs(mixed_views=True), "teacher, mixed views"),
    ],
)
def test_needs_are_said_in_words(needs: Needs, words: str) -> None:
    assert needed(needs) == words


def test_description_holds_source_needs_cost_and_every_key_of_a_search_space() -> None:
    text = "\n".join(described(METHODS["dkd"]))
    assert "Zhao et al. 2022, arXiv:2203.08679" in text
    assert "needs   teacher, class labels\n" in text
    assert f"costs   {METHODS['dkd'].cost}\n" in text
    assert "[kd.dkd.beta] a float in [0, 1e+06], default 8\n" in text
    assert (
        "[kd.dkd.teacher_views] one of ['same', 'plain', 'weak', 'strong'], default same" in text
    )


def test_method_without_parameters_has_no_empty_list() -> None:
    assert len(described(METHODS["none"])) == 4
