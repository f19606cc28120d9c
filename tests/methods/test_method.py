import pytest

from autokd.methods import Method, Needs


@pytest.mark.parametrize(
    ("name", "table"), [("dkd", "dkd"), ("my.losses:gentle", "gentle"), ("losses:kd", "kd")]
)
def test_table_of_a_method_is_its_name_or_that_of_its_function(name: str, table: str) -> None:
    assert Method(name, (), source="", implementation="").table == table


def test_method_reads_the_teachers_logits_and_nothing_else_unless_it_says_so() -> None:
    needs = Method("mine", (), source="", implementation="").needs
    assert needs == Needs(
        teacher=True,
        teachers=0,
        assistants=0,
        features=False,
        tuning=False,
        class_labels=False,
        mixed_views=False,
        eager=False,
    )
