from hypothesis import given
from hypothesis import strategies as st

from autokd.seeds import derive_seed

paths = st.lists(st.integers() | st.text(max_size=5), max_size=4).map(tuple)


def test_values_are_the_same_on_every_platform_and_version() -> None:
    assert derive_seed(0) == 2019721527
    assert derive_seed(7, "bottom", 2, 0) == 1471237966


@given(seed=st.integers(), path=paths)
def test_seed_lies_below_two_to_the_31(seed: int, path: tuple[int | str, ...]) -> None:
    assert 0 <= derive_seed(seed, *path) < 2**31


def test_different_paths_give_different_seeds() -> None:
    paths: list[tuple[int | str, ...]] = [
        (),
        (1,),
        ("1",),
        (1, 2),
        (12,),
        ("1", 2),
        ("top",),
        ("to", "p"),
    ]
    seeds = {derive_seed(seed, *path) for path in paths for seed in (-1, 0, 1, 11)}
    assert len(seeds) == 4 * len(paths)


def test_neighbouring_seeds_share_no_stream() -> None:
    streams = [{derive_seed(seed, slot) for slot in range(100)} for seed in (0, 1)]
    assert not streams[0] & streams[1]
