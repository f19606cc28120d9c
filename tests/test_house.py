"""The rules of the house that no linter knows: mirrors, names, shapes, light imports, lists."""

import ast
import importlib
import inspect
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import get_args

import pytest

import autokd
from autokd.data import SOURCES
from autokd.definitions import names
from autokd.methods import METHODS, Method, imported
from autokd.search.samplers import make_sampler
from autokd.sections import METRICS, DataSpec, Metric, SamplerSpec
from autokd.study import load_study
from autokd.teachers.zoo import ZOO

REPOSITORY = Path(__file__).parents[1]
MODULES = sorted((REPOSITORY / "autokd").rglob("*.py"))
TESTS = sorted((REPOSITORY / "tests").rglob("test_*.py"))
HEAVY = ("torch", "torchvision", "optuna", "pandas", "plotly", "sklearn", "networkx", "scipy")
MAX_LINES = 300

# Folders of the repository that hold what people wrote; caches and environments are others.
WRITTEN = (".ci", "autokd", "benchmarks", "docs", "scripts", "search_spaces", "studies", "tests")
# Put together from parts, for this file is searched as well.
MACHINE_PATH = re.compile("|".join(f"/{folder}/" for folder in ("work", "root", "tmp/bash\\w*")))

ARRAY_NAMES = ("Tensor", "ndarray", "NDArray")
# Of these, a reader expects no shape: what a dictionary holds or a function takes is said there.
OPAQUE = ("dict", "Mapping", "Callable", "Iterator", "Iterable")
SHAPE = re.compile(r"``\((?:[^()`]*)\)``")

Function = ast.FunctionDef | ast.AsyncFunctionDef


def label(path: Path) -> str:
    return str(path.relative_to(REPOSITORY))


def check_none(offenders: Iterable[str]) -> None:
    found = list(offenders)
    assert not found, "\n".join(["", *found])


@cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


# Each module has a test of its name.


def mirror(module: Path) -> Path:
    inside = module.relative_to(REPOSITORY / "autokd")
    return REPOSITORY / "tests" / inside.parent / f"test_{module.stem.strip('_')}.py"


def is_door_of_a_room(module: Path) -> bool:
    return module.stem == "__init__" and module.parent.name != "autokd"


def test_every_module_has_a_test_of_its_name() -> None:
    expected = [mirror(module) for module in MODULES if not is_door_of_a_room(module)]
    check_none(label(path) for path in expected if not path.is_file())


def test_every_module_can_be_read_in_one_sitting() -> None:
    lengths = {label(m): len(m.read_text(encoding="utf-8").splitlines()) for m in MODULES}
    check_none(f"{name}: {n}" for name, n in lengths.items() if n > MAX_LINES)


# Public names are listed, and are what is there.


def listed(tree: ast.Module) -> list[str] | None:
    """Names in ``__all__``, or None if the module has none."""
    for node in tree.body:
        target = node.targets[0] if isinstance(node, ast.Assign) else None
        target = node.target if isinstance(node, ast.AnnAssign) else target
        if isinstance(target, ast.Name) and target.id == "__all__":
            assert isinstance(node, ast.Assign | ast.AnnAssign)
            assert node.value is not None
            return list(ast.literal_eval(node.value))
    return None


def public_definitions(tree: ast.Module) -> set[str]:
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    return {n.name for n in tree.body if isinstance(n, kinds) and not n.name.startswith("_")}


def isort_key(name: str) -> tuple[int, str]:
    return (0 if name.isupper() else 1 if name[0].isupper() else 2), name


def test_every_module_lists_its_public_names() -> None:
    check_none(label(module) for module in MODULES if listed(parsed(module)) is None)


def test_public_names_are_sorted() -> None:
    lists = {label(module): listed(parsed(module)) or [] for module in MODULES}
    check_none(f"{k}: {v}" for k, v in lists.items() if v != sorted(v, key=isort_key))


def test_every_public_function_and_class_is_listed() -> None:
    trees = {label(module): parsed(module) for module in MODULES}
    unlisted = {k: public_definitions(tree) - {*(listed(tree) or ())} for k, tree in trees.items()}
    check_none(f"{k}: {v}" for k, v in unlisted.items() if v)


def test_every_listed_name_exists() -> None:
    missing = []
    for module in MODULES:
        dotted = ".".join(module.relative_to(REPOSITORY).with_suffix("").parts)
        imported = importlib.import_module(dotted.removesuffix(".__init__"))
        public = listed(parsed(module)) or []
        missing += [f"{dotted}.{name}" for name in public if not hasattr(imported, name)]
    check_none(missing)


# Functions on arrays state shapes.


def array_aliases(tree: ast.Module) -> set[str]:
    """Names in a module that stand for an array type."""
    plain = [node for node in tree.body if isinstance(node, ast.Assign)]
    return {
        target.id
        for node in plain
        for target in node.targets
        if isinstance(target, ast.Name) and is_array(node.value, frozenset())
    }


def is_array(annotation: ast.expr | None, aliases: frozenset[str]) -> bool:
    """Whether a value of this type is an array, or a few of them."""
    match annotation:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name in ARRAY_NAMES or name in aliases
        case ast.BinOp(left=left, right=right):
            return is_array(left, aliases) or is_array(right, aliases)
        case ast.Subscript(value=ast.Name(id=name)) if name in OPAQUE:
            return False
        case ast.Subscript(value=value, slice=inside):
            members = inside.elts if isinstance(inside, ast.Tuple) else [inside]
            return is_array(value, aliases) or any(is_array(m, aliases) for m in members)
    return False


def public_functions(tree: ast.Module) -> Iterator[tuple[str, Function]]:
    for node in tree.body:
        if isinstance(node, Function) and not node.name.startswith("_"):
            yield node.name, node
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            for member in node.body:
                if isinstance(member, Function) and not member.name.startswith("_"):
                    yield f"{node.name}.{member.name}", member


def takes_or_returns_arrays(function: Function, aliases: frozenset[str]) -> bool:
    arguments = function.args.posonlyargs + function.args.args + function.args.kwonlyargs
    annotations = [argument.annotation for argument in arguments]
    return any(is_array(annotation, aliases) for annotation in [*annotations, function.returns])


def silent_functions(tree: ast.Module) -> Iterator[str]:
    """Public functions on arrays whose docstring has no shape."""
    aliases = frozenset(array_aliases(tree))
    for name, function in public_functions(tree):
        has_shape = SHAPE.search(ast.get_docstring(function) or "")
        if takes_or_returns_arrays(function, aliases) and not has_shape:
            yield name


def test_every_function_on_arrays_states_shapes_in_named_axes() -> None:
    silent = {label(module): list(silent_functions(parsed(module))) for module in MODULES}
    check_none(f"{name}: {functions}" for name, functions in silent.items() if functions)


@pytest.mark.parametrize(
    ("signature", "docstring", "is_silent"),
    [
        ("(x: Tensor) -> int", "Count.", True),
        ("(x: Tensor) -> int", "Count ``(batch, classes)``.", False),
        ("() -> np.ndarray", "Make.", True),
        ("(*, x: NDArray[np.int64] | None) -> int", "Count.", True),
        ("(x: list[Floats]) -> int", "Count.", True),
        ("(x: dict[str, Tensor]) -> int", "Count.", False),
        ("(x: int) -> int", "Count.", False),
    ],
)
def test_rule_on_shapes_sees_what_it_should(
    signature: str, docstring: str, is_silent: bool
) -> None:
    text = f'Floats = NDArray[np.float64]\ndef f{signature}:\n    """{docstring}"""\n'
    assert list(silent_functions(ast.parse(text))) == (["f"] if is_silent else [])


# What is light stays light.


def heavy_after(statement: str) -> set[str]:
    code = f"{statement}\nimport sys\nprint(*sys.modules)"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(ran.stdout.split()) & set(HEAVY)


def test_command_line_starts_without_the_heavy_packages() -> None:
    assert heavy_after("import autokd.cli") == set()


def test_study_is_checked_without_torch_or_optuna() -> None:
    assert heavy_after("import autokd.study") <= {"networkx", "scipy"}


# Lists that are written twice, because a floor lies between them, are equal.


def literal(model: type[DataSpec | SamplerSpec], field: str) -> set[str]:
    return set(get_args(model.model_fields[field].annotation))


def test_sources_of_a_study_are_those_of_the_data_room() -> None:
    assert literal(DataSpec, "source") == set(SOURCES)


@pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)
def test_every_method_has_a_loss_with_its_parameters(method: Method) -> None:
    arguments = inspect.signature(imported(method.implementation)).parameters.values()
    keywords = [a.name for a in arguments if a.kind is inspect.Parameter.KEYWORD_ONLY]
    assert set(keywords) == {parameter.name for parameter in method.parameters}
    assert len(arguments) == len(keywords) + 1  # what it sees, or the setting it is made in


@pytest.mark.parametrize("name", sorted(literal(SamplerSpec, "name") - {"autokd"}))
def test_every_sampler_of_optunas_that_a_study_names_can_be_made(name: str) -> None:
    spec = SamplerSpec.model_validate({"name": name})
    assert name in type(make_sampler(spec, seed=0)).__name__.lower().replace("nsgaii", "nsga2")


@pytest.mark.parametrize("name", names("studies"))
def test_teacher_of_every_shipped_study_is_in_the_zoo(name: str) -> None:
    assert load_study(name).teacher.model in ZOO


def test_every_metric_has_a_direction() -> None:
    assert get_args(Metric) == tuple(METRICS)


# Words and files.


def test_changelog_opens_with_the_version_of_the_package() -> None:
    text = (REPOSITORY / "CHANGELOG.md").read_text(encoding="utf-8")
    versions = re.findall(r"^## \[(\d+\.\d+\.\d+)\]", text, re.MULTILINE)
    assert versions[0] == autokd.__version__


@pytest.mark.parametrize(
    "command", ["pip install -e . && autokd search", 'pip install -e ".[dev]" && pytest']
)
def test_readme_opens_with_the_two_commands(command: str) -> None:
    first_screen = (REPOSITORY / "README.md").read_text(encoding="utf-8").splitlines()[:40]
    assert command in "\n".join(first_screen)


def test_ci_runs_the_test_command_of_the_readme() -> None:
    assert 'pip install -e ".[dev]" && pytest' in (REPOSITORY / ".ci" / "run").read_text()


def written_files() -> Iterator[Path]:
    inside = [path for folder in WRITTEN for path in (REPOSITORY / folder).rglob("*")]
    beside = [path for path in REPOSITORY.iterdir() if not path.name.startswith(".coverage")]
    for path in [*beside, *inside]:
        if path.is_file() and "__pycache__" not in path.parts:
            yield path


def test_no_file_names_a_place_on_somebodys_machine() -> None:
    named = []
    for path in written_files():
        text = path.read_bytes().decode("utf-8", errors="ignore")
        named += [f"{label(path)}: {found}" for found in MACHINE_PATH.findall(text)]
    check_none(named)


# Tests can fail.


def claims(function: Function) -> bool:
    """Whether a test asserts something, by itself or through a helper that is named so."""
    for node in ast.walk(function):
        if isinstance(node, ast.Assert):
            return True
        if isinstance(node, ast.Call):
            name = ast.unparse(node.func).rsplit(".", 1)[-1]
            if name in ("raises", "warns") or name.startswith(("assert_", "check_")):
                return True
    return False


def written_tests(path: Path) -> list[Function]:
    functions = [node for node in ast.walk(parsed(path)) if isinstance(node, Function)]
    return [function for function in functions if function.name.startswith("test_")]


def test_every_file_of_tests_holds_some() -> None:
    check_none(label(path) for path in TESTS if not written_tests(path))


def test_every_test_asserts_something() -> None:
    tests = [(label(path), test) for path in TESTS for test in written_tests(path)]
    check_none(f"{name}::{test.name}" for name, test in tests if not claims(test))


def swallows_everything(handler: ast.ExceptHandler) -> bool:
    """Whether a handler ends what it cannot know; tidying up and raising again is no such end."""
    last = handler.body[-1]
    goes_on = isinstance(last, ast.Raise) and last.exc is None
    caught = ast.unparse(handler.type) if handler.type else "BaseException"
    return caught == "Exception" or (caught == "BaseException" and not goes_on)


def test_no_handler_swallows_every_exception() -> None:
    nodes = [(label(path), n) for path in [*MODULES, *TESTS] for n in ast.walk(parsed(path))]
    handlers = [(name, node) for name, node in nodes if isinstance(node, ast.ExceptHandler)]
    check_none(f"{name}:{h.lineno}" for name, h in handlers if swallows_everything(h))
