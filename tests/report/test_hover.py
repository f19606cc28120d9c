import re
from dataclasses import replace

from autokd.report.gathered import Gathered, gather
from autokd.report.hover import hover
from tests.report.conftest import FakeRun


def filled(settings: dict[str, object], at: int) -> str:
    """Fill a template as plotly does."""
    values = settings["customdata"][at]  # type: ignore[index]
    return re.sub(
        r"%\{customdata\[(\d+)\]\}", lambda m: values[int(m[1])], str(settings["hovertemplate"])
    )


def test_hover_tells_state_metrics_and_point(gathered: Gathered) -> None:
    row = gathered.front.iloc[0]
    text = filled(hover(gathered, gathered.front), 0)
    assert f"<b>trial {row['trial']}</b>  complete at 27 epochs" in text
    assert f"top1  <b>{row['top1']:.3f}</b>" in text
    assert f"params  <b>{row['params']:,.0f}</b>" in text
    assert f"op  {row['architecture.op']}" in text
    assert "bottom_neighbours" not in text


def test_parameter_that_is_not_active_is_a_dash(gathered: Gathered) -> None:
    plain = gathered.trials.index[gathered.trials["kd.method"] == "none"][0]
    text = filled(hover(gathered, gathered.trials), int(plain))
    assert "kd.temperature  –" in text  # noqa: RUF001


def test_what_no_trial_has_is_left_out(gathered: Gathered) -> None:
    plain = gathered.trials[gathered.trials["kd.method"] == "none"]
    assert "kd.temperature" not in hover(gathered, plain)["hovertemplate"]
    assert "latency_s" not in hover(gathered, plain)["hovertemplate"]


def test_values_are_escaped(run: FakeRun) -> None:
    record = run.records[0]
    evil = replace(record, point={**record.point, "kd.method": "<img src=x>"})
    (read,) = gather([replace(run, records=[evil])])
    text = filled(hover(read, read.trials), 0)
    assert "<img" not in text
    assert "&lt;img src=x&gt;" in text
