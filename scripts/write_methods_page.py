"""Writes the generated parts of docs/methods.md: what each method is, and what was measured.

    python scripts/write_methods_page.py [--check]

The descriptions come from `autokd.methods` and the first line of each method's file, the figures
from benchmarks/methods.json. What stands between the page's markers is replaced, the prose around
them stays. With ``--check`` nothing is written, and the exit status is 1 if the page is not what
would be written. Needs no torch.
"""

import ast
import importlib
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from page_parts import table_head, table_row, write_or_check

from autokd.methods import METHODS, OPTIONS, Method, options_of
from autokd.methods.alone import ALONE
from autokd.methods.data import DATA
from autokd.methods.ensembles import ENSEMBLES
from autokd.methods.features import FEATURES
from autokd.methods.held_out import HELD_OUT
from autokd.methods.logits import LOGITS
from autokd.methods.online import ONLINE
from autokd.methods.words import needed
from autokd.parameters import Parameter

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "methods.md"
RESULT = ROOT / "benchmarks" / "methods.json"
GROUPS: dict[str, tuple[Method, ...]] = {
    "No teacher at run time": ALONE,
    "Logits of one teacher": LOGITS,
    "Several teachers": ENSEMBLES,
    "Features": FEATURES,
    "A second network beside the student": ONLINE,
    "What the data does": DATA,
    "Held-out images": HELD_OUT,
}


def main() -> int:
    """Write or check the page."""
    parts = {"methods": methods(), "options": options_table(), "measured": measured()}
    return write_or_check({PAGE: parts}, script=Path(__file__), title=__doc__.splitlines()[0])


def methods() -> list[str]:
    """Describe every method, a table for each group."""
    grouped = {method.name for group in GROUPS.values() for method in group}
    if grouped != set(METHODS):
        raise SystemExit(f"no group here has {sorted(set(METHODS) - grouped)}")
    lines: list[str] = []
    for title, group in GROUPS.items():
        lines += ["", f"### {title}", "", *_table(group)]
    return lines[1:]


def options_table() -> list[str]:
    """Describe every option, and say which methods take it."""
    head = ["option", "what it does", "default", "legal", "methods"]
    return [
        *table_head(head),
        *(
            table_row([f"`{o.name}`", o.description, _shown(o.default), _legal(o), _takers(o)])
            for o in OPTIONS
        ),
    ]


def measured() -> list[str]:
    """Give the figures, or say that there are none; a measurement under way has none yet."""
    result = json.loads(RESULT.read_text(encoding="utf-8")) if RESULT.exists() else {}
    if "best_on_validation" not in result:
        return ["Not yet measured."]
    sys.path.append(str(RESULT.parent))
    table: list[str] = importlib.import_module("method_table").table(result)
    versions = ", ".join(f"{name} {version}" for name, version in result["versions"].items())
    about = [f"{result['date']}; {result['hardware']}; {versions}."]
    best = ", ".join(f"`{name}`" for name in result["best_on_validation"])
    about += ["", f"Best on validation, in this order: {best}."]
    done = {name.split("/")[0] for name in result["units"]}
    missing = sorted({"digits", "fashion_mnist"} - done)
    if missing:
        about += ["", f"Not yet measured, and not in the means: {', '.join(missing)}."]
    return [*about, "", *_teachers(result["studies"]), "", *table]


def _teachers(studies: Mapping[str, Any]) -> list[str]:
    lines = table_head(
        ["study", "images: train / validation / test", "those who teach, top1 on test"]
    )
    # The teacher that one study hands to another one goes by the name that it has in the first.
    named = {
        each["digest"]: each["name"]
        for study in studies.values()
        for each in study["networks"]
        if each["trained_s"] is not None
    }
    for name, study in sorted(studies.items()):
        n, networks = study["n"], study["networks"]
        images = " / ".join(f"{n[split]:,}" for split in ("train", "validation", "test"))
        taught = ", ".join(
            f"{named.get(each['digest'], each['name'])} {100 * each['test_top1']:.1f}"
            for each in networks
        )
        lines.append(table_row([name, images, taught]))
    return lines


def _table(group: Sequence[Method]) -> list[str]:
    head = ["method", "what it does", "parameters and defaults", "needs", "costs", "source"]
    rows = (
        [f"`{m.name}`", _does(m), _parameters(m), needed(m.needs), m.cost, m.source] for m in group
    )
    return [*table_head(head), *map(table_row, rows)]


def _does(method: Method) -> str:
    """Read what a method does off the first line of its file."""
    module = method.implementation.partition(":")[0]
    path = ROOT.joinpath(*module.split(".")).with_suffix(".py")
    text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    first = text.partition("\n")[0].partition(": ")[2].rstrip(".")
    if not first:
        raise SystemExit(
            f"{path.relative_to(ROOT)} must begin with 'Method ``name``: what it does'"
        )
    return first.replace("``", "`")


def _parameters(method: Method) -> str:
    found = [f"`{each.name}` {_shown(each.default)}" for each in method.parameters]
    return ", ".join(found) or "none"


def _shown(value: object) -> str:
    match value:
        case bool():
            return str(value).lower()
        case float():
            return f"{value:g}" if value >= 1000 else f"{value:.4g}"
    return str(value)


def _legal(option: Parameter) -> str:
    return ", ".join(map(_shown, option.choices)) if option.choices else option.legal()


def _takers(option: Parameter) -> str:
    takers = [name for name, method in METHODS.items() if option in options_of(method)]
    others = [name for name in METHODS if name not in takers]
    if len(others) < len(takers):
        return "all but " + ", ".join(f"`{name}`" for name in others)
    return ", ".join(f"`{name}`" for name in takers)


if __name__ == "__main__":
    sys.exit(main())
