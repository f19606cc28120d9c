import re

from autokd.pages.theme import PALETTE, SCALE, clean, log_axis, new_figure, run_style


def test_28_runs_look_different() -> None:
    assert len({run_style(position) for position in range(28)}) == 28
    assert run_style(28) == run_style(0)


def test_clean_leaves_no_markup_and_no_quote_entities() -> None:
    assert clean("<b>a & 'b'</b> \"c\"") == "&lt;b&gt;a &amp; 'b'&lt;/b&gt; \"c\""


def test_log_axis_drops_2_and_5_over_four_decades() -> None:
    assert log_axis(1e3, 9e6)["dtick"] == "D2"
    assert log_axis(1e3, 1e7)["dtick"] == 1


def test_settings_of_a_figure_win_over_the_common_ones() -> None:
    figure = new_figure(height=123, x={"showline": False}, y={}, margin={"l": 1})
    assert figure.layout.height == 123
    assert figure.layout.xaxis.showline is False
    assert figure.layout.yaxis.showline is True
    assert figure.layout.margin.l == 1


def test_quality_darkens_from_low_to_high() -> None:
    def lightness(colour: str) -> int:
        return sum(int(part, 16) for part in re.findall("..", colour[1:]))

    shades = [lightness(colour) for _, colour in SCALE]
    assert shades == sorted(shades, reverse=True)
    assert len(set(PALETTE)) == len(PALETTE)
