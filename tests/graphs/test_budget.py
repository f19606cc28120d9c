import itertools
from collections.abc import Iterator

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from autokd.errors import InfeasibleError, StudentTooLarge, StudentTooSmall
from autokd.graphs.budget import TOLERANCE, Totals, Widths, fit
from autokd.graphs.cost import count_params
from autokd.graphs.draft import Draft
from autokd.graphs.ir import ArchGraph, InputShape, Node
from autokd.graphs.random_dags import erdos_renyi

DIGITS = InputShape(1, 8, 10)
SHAPES = [
    DIGITS,
    InputShape(3, 32, 10),
    InputShape(3, 32, 100),
    InputShape(1, 28, 10),
    InputShape(3, 224, 1000),
]
shapes = st.sampled_from(SHAPES)
ops = st.sampled_from(["conv3x3", "sepconv3x3"])


def random_draft(nodes: int, *, seed: int, shape: InputShape, op: str = "conv3x3") -> Draft:
    """Three random stages that also read across: every kind of layer occurs."""
    draft = Draft(shape, op)
    outputs: list[int] = [0]
    for stage in range(3):
        dag = erdos_renyi(nodes, edge_probability=0.4, seed=seed + stage)
        outputs.append(draft.wire_ops(dag, tuple(outputs), stage=stage))
    draft.merge(tuple(outputs[1:]), 2, how="mean")
    return draft


def widened(draft: Draft, widths: Widths, head_channels: int) -> ArchGraph:
    nodes = (Node(n.op, n.inputs, widths[n.channels - 1], n.stride, n.merge) for n in draft.nodes)
    return ArchGraph(tuple(nodes), head_channels)


def attempt(
    draft: Draft, budget: float, *, shape: InputShape = DIGITS
) -> ArchGraph | InfeasibleError:
    try:
        return fit(draft, budget, shape=shape)
    except InfeasibleError as error:
        return error


def stage_widths(graph: ArchGraph) -> list[int]:
    return sorted({node.channels for node in graph.nodes})


growing = st.lists(st.integers(1, 40), min_size=3, max_size=3, unique=True).map(sorted)


@given(widths=growing, head=st.integers(0, 60), seed=st.integers(0, 99), shape=shapes, op=ops)
def test_totals_equal_count_params_for_all_growing_widths(
    widths: list[int], head: int, seed: int, shape: InputShape, op: str
) -> None:
    draft = random_draft(4, seed=seed, shape=shape, op=op)
    chosen = (widths[0], widths[1], widths[2])
    totals = Totals(draft, shape)
    expected = count_params(widened(draft, chosen, head), shape)
    assert totals.body(chosen) + totals.head(chosen[-1], head) == expected


@given(
    nodes=st.integers(1, 8),
    seed=st.integers(0, 99),
    exponent=st.floats(3.3, 6.5),
    shape=shapes,
    op=ops,
)
def test_total_meets_the_budget_or_the_violation_says_how_far_it_is(
    nodes: int, seed: int, exponent: float, shape: InputShape, op: str
) -> None:
    budget = 10**exponent
    found = attempt(random_draft(nodes, seed=seed, shape=shape, op=op), budget, shape=shape)
    if isinstance(found, InfeasibleError):
        assert found.violation > TOLERANCE
    else:
        assert abs(count_params(found, shape) - budget) <= TOLERANCE * budget


@given(
    nodes=st.integers(1, 8), seed=st.integers(0, 99), exponent=st.floats(4.5, 6.5), shape=shapes
)
def test_budget_with_room_is_met_within_one_per_cent(
    nodes: int, seed: int, exponent: float, shape: InputShape
) -> None:
    assume(10**exponent > 200 * shape.num_classes)
    graph = fit(random_draft(nodes, seed=seed, shape=shape), 10**exponent, shape=shape)
    assert count_params(graph, shape) == pytest.approx(10**exponent, rel=0.01)


@given(scale=st.integers(2, 100), nodes=st.integers(1, 8), shape=shapes)
def test_budget_of_an_exact_1_2_4_student_gives_that_student(
    scale: int, nodes: int, shape: InputShape
) -> None:
    draft = random_draft(nodes, seed=0, shape=shape)
    wanted = widened(draft, (scale, 2 * scale, 4 * scale), 8 * scale)
    assert fit(draft, count_params(wanted, shape), shape=shape) == wanted


@given(nodes=st.integers(1, 8), seed=st.integers(0, 99), exponent=st.floats(3.5, 6.5))
def test_widths_are_legal_and_the_head_grows_with_the_last_stage(
    nodes: int, seed: int, exponent: float
) -> None:
    graph = attempt(random_draft(nodes, seed=seed, shape=DIGITS), 10**exponent)
    assume(isinstance(graph, ArchGraph))
    assert isinstance(graph, ArchGraph)
    first, second, third = stage_widths(graph)
    assert 1 <= first < second <= 4 * first
    assert second < third <= 4 * second
    assert graph.head_channels == 0 or third <= graph.head_channels <= 4 * third


def test_widths_other_than_1_2_4_are_noted() -> None:
    draft = random_draft(3, seed=0, shape=DIGITS)
    draft.notes.append("a repair")
    graph = fit(draft, 20_000, shape=DIGITS)
    first, second, third = stage_widths(graph)
    assert (second, third) != (2 * first, 4 * first)
    stages = f"stage widths {first}, {second}, {third} instead of 1:2:4"
    assert graph.notes == ("a repair", stages)


def test_equal_drafts_get_equal_widths() -> None:
    one, other = (
        fit(random_draft(5, seed=1, shape=DIGITS), 33_333, shape=DIGITS) for _ in range(2)
    )
    assert one == other


def test_narrowest_student_above_the_budget_is_too_large() -> None:
    with pytest.raises(
        StudentTooLarge,
        match=r"params_budget 500 cannot be met within 3%: even the narrowest student has [\d,]+",
    ) as caught:
        fit(random_draft(9, seed=0, shape=DIGITS), 500, shape=DIGITS)
    narrowest = count_params(widened(random_draft(9, seed=0, shape=DIGITS), (1, 2, 3), 0), DIGITS)
    assert caught.value.violation == pytest.approx(narrowest / 500 - 1)


def test_widest_student_below_the_budget_is_too_small() -> None:
    draft = Draft(DIGITS, "conv3x3")
    draft.add_op((draft.add_op((0,), 1),), 2)
    largest = count_params(widened(draft, (512, 1024, 2048), 8192), DIGITS)
    with pytest.raises(StudentTooSmall, match=f"even the widest student has {largest:,} params"):
        fit(draft, 2 * largest, shape=DIGITS)
    assert fit(draft, largest, shape=DIGITS) == widened(draft, (512, 1024, 2048), 8192)


def legal_totals(draft: Draft, widest: int) -> Iterator[int]:
    """Every legal student with stage widths up to ``widest``."""
    totals = Totals(draft, DIGITS)
    for first, second, third in itertools.combinations(range(1, widest + 1), 3):
        if (first, second, third) >= (1, 2, 3) and second <= 4 * first and third <= 4 * second:
            body = totals.body((first, second, third))
            for head in (0, *range(third, 4 * third + 1)):
                yield body + totals.head(third, head)


@pytest.mark.parametrize(("nodes", "seed"), [(2, 0), (6, 1), (12, 2)])
def test_refused_are_exactly_the_budgets_that_no_legal_student_meets(
    nodes: int, seed: int
) -> None:
    draft = random_draft(nodes, seed=seed, shape=DIGITS)
    reachable = sorted(set(legal_totals(draft, 12)))
    for budget in (reachable[0] * 1.02**step for step in range(-5, 45)):
        nearest = min(reachable, key=lambda total: abs(total - budget))
        violation = abs(nearest - budget) / budget
        found = attempt(draft, budget)
        if violation <= TOLERANCE:
            assert isinstance(found, ArchGraph)
        else:
            assert type(found) is (StudentTooSmall if nearest < budget else StudentTooLarge)
            assert found.violation == pytest.approx(violation)


def test_gap_between_narrow_students_is_named() -> None:
    draft = random_draft(12, seed=2, shape=DIGITS)
    totals = sorted(set(legal_totals(draft, 12)))
    below, above = max(itertools.pairwise(totals), key=lambda pair: pair[1] / pair[0])
    with pytest.raises(StudentTooLarge, match=f"no legal widths come nearer than {above:,} par"):
        fit(draft, (below + above) / 2 + 1, shape=DIGITS)
    with pytest.raises(StudentTooSmall, match=f"no legal widths come nearer than {below:,} par"):
        fit(draft, (below + above) / 2 - 1, shape=DIGITS)


def test_three_hundred_nodes_meet_their_budget() -> None:
    draft = random_draft(100, seed=0, shape=SHAPES[1])
    graph = fit(draft, 1e6, shape=SHAPES[1])
    assert count_params(graph, SHAPES[1]) == pytest.approx(1e6, rel=TOLERANCE)
