import pytest

from autokd.diagnose.meaning import MEANINGS, Meaning


@pytest.mark.parametrize("meaning", MEANINGS.values(), ids=MEANINGS)
def test_each_quantity_has_one_sentence_for_what_it_can_tell_and_one_for_what_not(
    meaning: Meaning,
) -> None:
    assert meaning.can.startswith("It can tell ")
    assert meaning.cannot.startswith("It cannot ")
    for sentence in (meaning.can, meaning.cannot):
        assert sentence.endswith(".")
        assert ". " not in sentence
    assert meaning.text == f"{meaning.can} {meaning.cannot}"
