import json
import re
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from autokd.pages.html import Panel, Section, document
from autokd.pages.theme import new_figure
from autokd.report import write_report
from autokd.report.gathered import gather
from autokd.report.page import page
from autokd.runs.record import Outcome
from tests.report.conftest import (
    ECE,
    KL,
    LATENCY,
    MACS,
    PARAMS,
    PEAK,
    TOP1,
    FakeRun,
    MakeRun,
    broken_off,
    refused,
    without,
)

EVIL = (
    "</script><script>document.title='hit'</script><img src=x onerror=\"document.title='hit'\"><b>"
)

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND",
    "--enable-logging=stderr",
    "--virtual-time-budget=10000",
    "--window-size=1440,900",
)

OVERLAPS = """
<script>
addEventListener("load", () => setTimeout(() => {
  const found = [];
  for (const plot of document.querySelectorAll(".js-plotly-plot")) {
    const texts = [...plot.querySelectorAll("svg text")].filter((text) => {
      const style = getComputedStyle(text);
      return text.textContent.trim() && style.fillOpacity !== "0" && style.opacity !== "0"
        && parseFloat(style.fontSize) > 2;
    });
    const boxes = texts.map((text) => [text.textContent, text.getBoundingClientRect()]);
    boxes.forEach(([a, p], i) => boxes.slice(i + 1).forEach(([b, q]) => {
      const width = Math.min(p.right, q.right) - Math.max(p.left, q.left);
      const height = Math.min(p.bottom, q.bottom) - Math.max(p.top, q.top);
      if (width > 2 && height > 4 && a !== b) found.push([a, b]);
    }));
  }
  const wide = document.documentElement.scrollWidth > innerWidth;
  document.body.dataset.checked = JSON.stringify({ found, wide });
}, 3000));
</script>
"""


def without_scripts(html: str) -> str:
    return re.sub(r"<script[^>]*>.*?</script>", "", html, flags=re.DOTALL)


def test_parts_come_in_the_order_of_the_story(run: FakeRun) -> None:
    titles = re.findall(r"<h[123]>([^<]*)</h[123]>", without_scripts(page(gather([run]))))
    assert titles == [
        "Digits: small students of a resnet20",
        "Pareto front",
        "The front&#x27;s students",
        "What did distillation do?",
        "What distillation did, by method",
        "Gain over none at equal params",
        "Classes harmed most",
        "How the search went",
        "Hypervolume over trials",
        "Hypervolume over seconds",
        "Learning curves by rung",
        "Parameter importance",
        "Parallel coordinates",
        "Students on the front",
        "Do early rungs rank well?",
        "Conditions",
        "How to read these numbers",
    ]


def test_several_runs_have_a_comparison_and_a_section_each(make_run: MakeRun) -> None:
    html = without_scripts(
        page(gather([make_run("first", n_trials=24), make_run("second", seed=1, n_trials=24)]))
    )
    assert "<h3>Runs compared</h3>" in html
    assert "<h2>first</h2>" in html
    assert "<h2>second</h2>" in html
    anchors = re.findall(r' id="([^"]+)"', html)
    assert len(set(anchors)) == len(anchors)


@pytest.mark.parametrize(
    "objectives", [[ECE, PARAMS], [ECE], [KL, PEAK], [TOP1, LATENCY], [ECE, TOP1]]
)
def test_a_run_in_which_no_trial_reached_a_rung_has_a_page(
    make_run: MakeRun, objectives: list[dict[str, object]]
) -> None:
    run = make_run(n_trials=3, objectives=objectives)
    for lost, state in ((refused(run), "infeasible"), (broken_off(run), "interrupted")):
        html = without_scripts(page(gather([lost])))
        assert "No feasible trial has finished the top rung." in html
        assert "No rung was reached." in html
        assert state in html


@pytest.mark.parametrize(
    ("objectives", "others"),
    [
        ([TOP1, LATENCY], [TOP1, PARAMS]),
        ([ECE], [TOP1]),
        ([KL, PARAMS], [TOP1]),
        ([PARAMS], [ECE, PEAK]),
    ],
)
def test_runs_of_different_metrics_share_a_page(
    make_run: MakeRun, objectives: list[dict[str, object]], others: list[dict[str, object]]
) -> None:
    bounded = {"min_top1": 0.2}
    first = make_run("first", n_trials=12, objectives=objectives, constraints=bounded)
    other = without(make_run("other", n_trials=12, objectives=others), "kl", "cev")
    nothing = refused(make_run("nothing", n_trials=3, objectives=others))
    for runs in ([first, other, nothing], [nothing, first, other], [other, first]):
        html = without_scripts(page(gather(runs)))
        assert all(f"<h2>{run.folder.name}</h2>" in html for run in runs)


@pytest.mark.parametrize("outcome", ["running", "failed", "repeated"])
@pytest.mark.parametrize("is_alone", [True, False])
def test_no_figure_of_a_page_is_without_data(
    run: FakeRun, outcome: Outcome, is_alone: bool
) -> None:
    records = [replace(record, outcome=outcome) for record in run.records[:9]]
    begun = replace(run, records=records, tests={})
    html = page(gather([begun] if is_alone else [begun, run]))
    figures = re.findall(r'<script type="application/json"[^>]*>(.*?)</script>', html)
    assert len(figures) == html.count("data-figure=")
    assert all(json.loads(figure)["data"] for figure in figures)


def test_every_link_has_its_anchor(run: FakeRun) -> None:
    html = without_scripts(page(gather([run])))
    links = re.findall(r'href="#([^"]+)"', html)
    assert links
    assert set(links) <= set(re.findall(r' id="([^"]+)"', html))


def test_text_from_outside_is_escaped_everywhere(make_run: MakeRun) -> None:
    run = make_run(title=EVIL)
    evil = replace(
        run,
        folder=Path("runs") / EVIL.replace("/", "|"),
        teacher={**run.teacher, "name": EVIL, "saw_validation": True},
        info={"device": EVIL},
        shares={EVIL: 1.0},
    )
    for runs in ([evil], [evil, make_run("b", seed=1, n_trials=24)]):
        rest = without_scripts(page(gather(runs)))
        assert "<img" not in rest
        assert "<b>" not in rest
        assert "&lt;img src=x" in rest


def dumped(browser: str, path: Path, profile: Path) -> tuple[str, list[str]]:
    """Open a page and return its elements after scripts ran, and what it said on the console."""
    command = [browser, *FLAGS, f"--user-data-dir={profile}", "--dump-dom", path.as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100, check=True)
    said = [line for line in done.stderr.splitlines() if "CONSOLE" in line]
    return without_scripts(done.stdout), [line for line in said if "GPU stall" not in line]


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_browser_draws_every_figure_without_a_complaint(
    browser: str, run: FakeRun, make_run: MakeRun, tmp_path: Path
) -> None:
    second = make_run(EVIL.replace("/", "|"), seed=1, title=EVIL)
    for n_figures, runs in ((7, [run]), (11, [second, run])):
        path = write_report(runs, tmp_path / "report.html")
        html, said = dumped(browser, path, tmp_path / "profile")
        assert said == []
        places = re.findall(r"<div data-figure[^>]*>", html)
        assert len(places) == n_figures
        assert all("js-plotly-plot" in place for place in places)
        assert html.count('class="main-svg"') >= n_figures
        assert "<title>hit</title>" not in html
        assert not re.findall(r'(?:src|href)="https?:', html)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_figure_without_data_does_not_keep_the_browser_from_drawing_the_next(
    browser: str, tmp_path: Path
) -> None:
    empty, full = (new_figure(height=200, x={}, y={}) for _ in range(2))
    full.add_scatter(x=[1], y=[2])
    sections = [Section("", (Panel("empty", empty), Panel("full", full)))]
    path = tmp_path / "page.html"
    path.write_text(
        document(title="t", lead="l", counts="c", sections=sections, footer="f"), encoding="utf-8"
    )
    html, said = dumped(browser, path, tmp_path / "profile")
    assert said == []
    places = re.findall(r"<div data-figure[^>]*>", html)
    assert ["js-plotly-plot" in place for place in places] == [True, True]


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_no_texts_of_a_figure_overlap_and_the_page_fits_its_window(
    browser: str, run: FakeRun, make_run: MakeRun, tmp_path: Path
) -> None:
    cases = {
        "one": [run],
        "several": [
            make_run("distilled"),
            make_run("plain", seed=1, n_trials=24),
            make_run("random", seed=2, n_trials=24),
        ],
        "single": [make_run(objectives=[TOP1])],
        "smallest": [
            make_run(objectives=[PARAMS], constraints={"min_top1": 0.9, "max_params": 40_000})
        ],
        "bounded": [make_run(constraints={"min_top1": 0.85, "max_params": 95_000})],
        "three": [make_run(objectives=[TOP1, PARAMS, MACS], family_size=3)],
    }
    for name, runs in cases.items():
        path = write_report(runs, tmp_path / f"{name}.html")
        html = re.sub(r"<meta http-equiv[^>]*>", "", path.read_text(encoding="utf-8"))
        path.write_text(
            html.replace("</body>\n</html>", f"{OVERLAPS}</body>\n</html>"), encoding="utf-8"
        )
        shown, _ = dumped(browser, path, tmp_path / "profile")
        (checked,) = re.findall(r'data-checked="([^"]+)"', shown)
        result = json.loads(checked.replace("&quot;", '"'))
        assert result == {"found": [], "wide": False}, name
