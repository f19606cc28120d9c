import pytest
import torch

from autokd.distill import cuda, device
from autokd.distill.device import resolve_device, resolve_precision, study_precision
from autokd.errors import RunError
from autokd.study import Training
from tests.distill.conftest import MakeSpec

CPU, CUDA = torch.device("cpu"), torch.device("cuda", 0)
AUTO = Training(precision="auto")


def _with_devices(monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    monkeypatch.setattr(cuda, "count", lambda: count)


def test_auto_is_cuda_where_there_is_some(monkeypatch: pytest.MonkeyPatch) -> None:
    _with_devices(monkeypatch, 0)
    assert resolve_device("auto") == CPU
    _with_devices(monkeypatch, 2)
    assert resolve_device("auto") == CUDA


def test_a_named_device_is_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    _with_devices(monkeypatch, 2)
    assert resolve_device("cpu") == CPU
    assert resolve_device("cuda") == CUDA
    assert resolve_device("cuda:1") == torch.device("cuda", 1)


@pytest.mark.parametrize("name", ["gpu", "cuda:x", "cuda:-1", "mps", "", "cuda:", "cpu:0"])
def test_an_unknown_device_is_refused(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    _with_devices(monkeypatch, 2)
    with pytest.raises(RunError, match=f"'auto', 'cpu', 'cuda' or 'cuda:N', found {name!r}"):
        resolve_device(name)


def test_a_device_that_is_not_there_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    _with_devices(monkeypatch, 1)
    with pytest.raises(RunError, match="'cuda:1' is not there: this machine has 1 CUDA devices"):
        resolve_device("cuda:1")


def test_float32_is_float32_everywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device, "_cpu_has_bfloat16", lambda: True)
    assert resolve_precision(Training(), CPU) == "float32"


def test_a_cpu_gains_unless_convolutions_are_separable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device, "_cpu_has_bfloat16", lambda: True)
    assert resolve_precision(AUTO, CPU, ops=["conv3x3", "identity"]) == "bfloat16"
    assert resolve_precision(AUTO, CPU, ops=["conv3x3", "sepconv3x3"]) == "float32"
    monkeypatch.setattr(device, "_cpu_has_bfloat16", lambda: False)
    assert resolve_precision(AUTO, CPU, ops=["conv3x3"]) == "float32"


@pytest.mark.parametrize(("able", "precision"), [(True, "bfloat16"), (False, "float32")])
def test_a_cuda_device_gains_where_it_multiplies_in_bfloat16(
    able: bool, precision: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cuda, "has_bfloat16", lambda _: able)
    assert resolve_precision(AUTO, CUDA, ops=["sepconv3x3"]) == precision


def test_a_cpu_says_whether_it_has_bfloat16() -> None:
    assert device._cpu_has_bfloat16() in (True, False)


@pytest.mark.parametrize(
    ("op", "precision"),
    [
        ({"type": "fixed", "value": "conv3x3"}, "bfloat16"),
        ({"type": "fixed", "value": "sepconv3x3"}, "float32"),
        ({"type": "categorical", "choices": ["conv3x3", "sepconv3x3"]}, "float32"),
        (None, "bfloat16"),
    ],
)
def test_a_study_trains_all_its_students_in_the_precision_that_none_loses_by(
    op: dict[str, object] | None,
    precision: str,
    make_spec: MakeSpec,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(device, "_cpu_has_bfloat16", lambda: True)
    budget = {"params_budget": {"type": "fixed", "value": 5e3}}
    space = {
        "title": "A space",
        "generator": "chain",
        "architecture": budget if op is None else {**budget, "op": op},
        "kd": {"method": {"type": "fixed", "value": "none"}},
    }
    spec = make_spec(search_space=space, training={"precision": "auto"})
    assert study_precision(spec, CPU) == precision
