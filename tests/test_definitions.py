"""Definition files are found by name or path, and read; what goes wrong names the file."""

from pathlib import Path

import pytest

import autokd.definitions
from autokd.definitions import Kind, find, names, read, shown
from autokd.errors import DefinitionError

REPOSITORY = Path(__file__).parents[1]
KINDS: tuple[Kind, ...] = ("studies", "search_spaces")


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package folder as a wheel lays it out, without the checkout's folders beside it."""
    package = tmp_path / "site-packages" / "autokd"
    for kind in KINDS:
        folder = package / "_definitions" / kind
        folder.mkdir(parents=True)
        (folder / "shipped.toml").write_text("title = 'in a wheel'")
    monkeypatch.setattr(autokd.definitions, "__file__", str(package / "definitions.py"))
    return package


@pytest.mark.parametrize("kind", KINDS)
def test_names_of_a_checkout_are_the_files_of_its_folder(kind: Kind) -> None:
    files = (REPOSITORY / kind).iterdir()
    assert names(kind) == sorted(file.stem for file in files if file.suffix == ".toml")


@pytest.mark.parametrize("kind", KINDS)
def test_shipped_definition_is_found_by_name(kind: Kind) -> None:
    assert "digits" in names(kind)
    assert find(kind, "digits") == REPOSITORY / kind / "digits.toml"


@pytest.mark.parametrize("kind", KINDS)
def test_wheel_finds_its_definitions_inside_the_package(kind: Kind, installed: Path) -> None:
    assert names(kind) == ["shipped"]
    assert find(kind, "shipped") == installed / "_definitions" / kind / "shipped.toml"


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize(
    ("kind", "name", "message"),
    [
        (
            "studies",
            "shiped",
            (
                r"^no study is called 'shiped'; shipped are \['shipped'\]; did you mean "
                r"'shipped'\?; a file of your own ends in \.toml$"
            ),
        ),
        (
            "search_spaces",
            "zzz",
            r"^no search space is called 'zzz'; shipped are \['shipped'\]; a file of",
        ),
        ("studies", "", "^no study is called ''"),
        ("studies", "../search_spaces/shipped", "^no study is called"),
    ],
)
def test_unknown_name_is_answered_with_the_nearest(kind: Kind, name: str, message: str) -> None:
    with pytest.raises(DefinitionError, match=message):
        find(kind, name)


def test_file_is_found_in_the_current_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mine.toml").touch()
    monkeypatch.chdir(tmp_path)
    assert find("studies", "mine.toml").resolve() == tmp_path / "mine.toml"
    assert find("studies", tmp_path / "mine.toml") == tmp_path / "mine.toml"


def test_file_beside_another_goes_before_the_current_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    beside = tmp_path / "study" / "mine.toml"
    beside.parent.mkdir()
    for file in (tmp_path / "space.toml", tmp_path / "study" / "space.toml", tmp_path / "b.toml"):
        file.touch()
    monkeypatch.chdir(tmp_path)
    assert find("search_spaces", "space.toml", beside=beside) == beside.parent / "space.toml"
    assert find("search_spaces", "b.toml", beside=beside) == Path("b.toml")


@pytest.mark.parametrize("name", ["none.toml", "folder/none.toml", "folder.toml"])
def test_missing_file_is_named(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "folder.toml").mkdir()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DefinitionError, match=rf"^{name}: there is no such file$"):
        find("studies", name)


def test_read_returns_what_the_file_says(tmp_path: Path) -> None:
    file = tmp_path / "a.toml"
    file.write_text('title = "Ä"\n[data]\nsource = "digits"', encoding="utf-8")
    assert read(file) == {"title": "Ä", "data": {"source": "digits"}}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"title = \n", r"^a\.toml: is not TOML: Invalid value \(at line 1, column 9\)$"),
        (b"a = 1\na = 2\n", r"^a\.toml: is not TOML: Cannot overwrite a value \(at line 2,"),
        (b"title = '\xff'", r"^a\.toml: is not text in UTF-8 \(invalid start byte\)$"),
    ],
)
def test_unreadable_file_is_named_with_line(
    content: bytes, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.toml").write_bytes(content)
    with pytest.raises(DefinitionError, match=message):
        read(tmp_path / "a.toml")


def test_file_that_vanished_is_named(tmp_path: Path) -> None:
    with pytest.raises(DefinitionError, match=r"/a\.toml: No such file or directory$"):
        read(tmp_path / "a.toml")


def test_file_is_shown_relative_to_the_current_folder_only_inside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert shown(tmp_path / "studies" / "a.toml") == "studies/a.toml"
    assert shown(tmp_path.parent / "a.toml") == str(tmp_path.parent / "a.toml")
    assert shown(Path("a.toml")) == "a.toml"
