"""Checkpoints are read from every usual layout, and never run code."""

import io
import os
import random
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch
from torch import Tensor, nn

from autokd.errors import TeacherError
from autokd.teachers.checkpoint import fill, read_state


def network() -> nn.Module:
    return nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Linear(2, 3))


def weights(prefix: str = "") -> dict[str, Tensor]:
    return {prefix + name: tensor for name, tensor in network().state_dict().items()}


def check_equal(found: dict[str, Tensor], expected: dict[str, Tensor]) -> None:
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[name], expected[name]) for name in expected)


@pytest.mark.parametrize("is_zip", [True, False])
@pytest.mark.parametrize("nesting", [(), ("state_dict",), ("model",), ("model", "state_dict")])
def test_pytorch_files_are_read_bare_and_nested(
    tmp_path: Path, nesting: tuple[str, ...], is_zip: bool
) -> None:
    state: Any = weights()
    for key in nesting:
        state = {"epoch": 3, key: state}
    torch.save(state, tmp_path / "t.th", _use_new_zipfile_serialization=is_zip)
    expected: Any = state
    for key in reversed(nesting):
        expected = expected[key]
    check_equal(read_state(tmp_path / "t.th"), expected)


def test_safetensors_are_read(tmp_path: Path) -> None:
    state = weights()
    safetensors.torch.save_file(state, tmp_path / "t.safetensors")
    check_equal(read_state(tmp_path / "t.safetensors"), state)


def test_prefix_is_stripped_from_every_name(tmp_path: Path) -> None:
    state = weights()
    torch.save({f"module.{name}": tensor for name, tensor in state.items()}, tmp_path / "t.pt")
    check_equal(read_state(tmp_path / "t.pt", key_prefix="module."), state)


def test_names_without_the_prefix_are_refused(tmp_path: Path) -> None:
    torch.save({**weights("module."), "extra": torch.zeros(1)}, tmp_path / "t.pt")
    message = r"\[teacher.key_prefix\] is 'module.', but 1 keys start otherwise \(extra\)"
    with pytest.raises(TeacherError, match=message):
        read_state(tmp_path / "t.pt", key_prefix="module.")


class Malicious:
    """Creates a file when it is unpickled."""

    def __init__(self, command: Any, *arguments: object) -> None:
        self.reduced = command, arguments

    def __reduce__(self) -> Any:
        return self.reduced


@pytest.mark.parametrize("is_zip", [True, False])
@pytest.mark.parametrize("kind", ["system", "mkdir", "exec"])
def test_pickle_that_tries_to_run_code_is_refused_unrun(
    tmp_path: Path, kind: str, is_zip: bool
) -> None:
    trace, file = tmp_path / "trace", tmp_path / "t.pt"
    malicious = {
        "system": Malicious(os.system, f"touch {trace}"),
        "mkdir": Malicious(os.mkdir, str(trace)),
        "exec": Malicious(exec, f"__import__('os').mkdir({str(trace)!r})"),
    }[kind]
    content = {**weights(), "hook": malicious}
    torch.save(content, file, _use_new_zipfile_serialization=is_zip)
    with pytest.raises(
        TeacherError, match=r"t\.pt: refused, since opening it would run [\w.]+; sa"
    ):
        read_state(file)
    assert not trace.exists()
    torch.load(file, weights_only=False)
    assert trace.exists(), "the file does run code where nobody refuses"


def test_whole_pickled_module_is_refused(tmp_path: Path) -> None:
    torch.save(network(), tmp_path / "t.pt")
    with pytest.raises(TeacherError, match=r"refused, since .* torch.nn.modules.container.Sequ"):
        read_state(tmp_path / "t.pt")


@pytest.mark.parametrize("name", ["t.pt", "t.safetensors"])
def test_missing_file_is_named(tmp_path: Path, name: str) -> None:
    with pytest.raises(TeacherError, match=f"{name}: there is no such file"):
        read_state(tmp_path / name)


def content_of(kind: str) -> bytes:
    if kind == "safetensors":
        return safetensors.torch.save(weights())
    buffer = io.BytesIO()
    torch.save({"state_dict": weights()}, buffer, _use_new_zipfile_serialization=kind == "zip")
    return buffer.getvalue()


@pytest.mark.parametrize("kind", ["zip", "legacy", "safetensors"])
def test_truncated_file_is_refused(tmp_path: Path, kind: str) -> None:
    file, content = tmp_path / f"t.{kind}", content_of(kind)
    for kept in [0, 1, 4, 8, 100, len(content) // 2, len(content) - 1]:
        file.write_bytes(content[:kept])
        with pytest.raises(
            TeacherError, match=r"not a readable checkpoint, perhaps truncated: .+"
        ):
            read_state(file)


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
@pytest.mark.parametrize("kind", ["zip", "legacy", "safetensors"])
def test_damaged_file_is_read_or_refused_but_never_a_traceback(tmp_path: Path, kind: str) -> None:
    file, content, rng = tmp_path / f"t.{kind}", content_of(kind), random.Random(0)
    n_refused = 0
    for _ in range(300):
        damaged = bytearray(content)
        for _ in range(3):
            damaged[rng.randrange(len(content))] = rng.randrange(256)
        file.write_bytes(damaged)
        try:
            read_state(file)
        except TeacherError:
            n_refused += 1
    assert n_refused > 50


@pytest.mark.parametrize("content", [{}, {"epoch": 3}, [1, 2], {"model": {"lr": 0.1}}])
def test_file_without_weights_is_refused(tmp_path: Path, content: object) -> None:
    torch.save(content, tmp_path / "t.pt")
    with pytest.raises(TeacherError, match=r"t\.pt: holds no weights"):
        read_state(tmp_path / "t.pt")


def test_filling_sets_every_weight_and_statistic() -> None:
    module, state = network(), weights()
    fill(module, state, source="t.pt")
    check_equal(module.state_dict(), state)


def test_counters_of_batch_norms_may_be_missing() -> None:
    state = weights()
    del state["1.num_batches_tracked"]
    module = network()
    fill(module, state, source="t.pt")
    assert torch.equal(module.state_dict()["0.weight"], state["0.weight"])


def test_misfits_are_named_and_nothing_is_changed() -> None:
    module, state = network(), weights()
    before = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    state["2.weight"] = torch.zeros(5, 2)
    state["fc"] = state.pop("0.bias")
    message = (
        r"t.pt: the weights do not fit the model: 1 missing \(0.bias\); 1 unexpected \(fc\); "
        r"1 of another shape \(2.weight \(5, 2\) instead of \(3, 2\)\)$"
    )
    with pytest.raises(TeacherError, match=message):
        fill(module, state, source="t.pt")
    check_equal(module.state_dict(), before)


def test_only_the_first_few_misfits_are_named() -> None:
    message = r"8 missing \(0.weight, 0.bias, 1.weight, ...\)$"
    with pytest.raises(TeacherError, match=message):
        fill(network(), {}, source="t.pt")


def test_common_prefix_is_suggested() -> None:
    message = r"unexpected keys start with 'module.': set \[teacher.key_prefix\]"
    with pytest.raises(TeacherError, match=message):
        fill(network(), weights("module."), source="t.pt")
