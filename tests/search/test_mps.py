import logging
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from autokd.search import mps

CUDA = torch.device("cuda", 0)
DAEMON = """\
#!{python}
import os, sys
said = sys.argv[1:] or sys.stdin.read().split()
with open({log!r}, "a") as log:
    print(*said, os.environ["CUDA_MPS_PIPE_DIRECTORY"], file=log)
if said == [{fails!r}]:
    print("no device", file=sys.stderr)
    sys.exit(3)
"""


class Daemon:
    """A control program on the path that writes down what it is told."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.log = folder / "log"

    def install(self, *, fails: str = "") -> None:
        program = self.folder / "nvidia-cuda-mps-control"
        text = DAEMON.format(python=sys.executable, log=str(self.log), fails=fails)
        program.write_text(text, encoding="utf-8")
        program.chmod(program.stat().st_mode | stat.S_IXUSR)

    @property
    def told(self) -> list[list[str]]:
        return [line.split() for line in self.log.read_text(encoding="utf-8").splitlines()]


@pytest.fixture
def daemon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Daemon:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CUDA_MPS_PIPE_DIRECTORY", raising=False)
    monkeypatch.setattr(mps, "_PROBE", "")  # every device serves
    return Daemon(tmp_path)


def test_a_daemon_runs_with_a_folder_of_its_own_and_is_told_to_quit(daemon: Daemon) -> None:
    daemon.install()
    with mps.served(CUDA) as variables:
        folder = variables["CUDA_MPS_PIPE_DIRECTORY"]
        assert Path(folder).is_dir()
        assert variables == {
            "CUDA_MPS_PIPE_DIRECTORY": folder,
            "CUDA_MPS_LOG_DIRECTORY": folder,
        }
        assert daemon.told == [["-d", folder]]
    assert daemon.told == [["-d", folder], ["quit", folder]]
    assert not Path(folder).exists()
    assert "CUDA_MPS_PIPE_DIRECTORY" not in os.environ


def test_a_daemon_sees_all_devices_and_its_clients_those_that_are_visible(
    daemon: Daemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    daemon.install()
    file = f"open({str(daemon.log)!r}, 'a')"
    log = f"print(os.environ.get('CUDA_VISIBLE_DEVICES', 'all'), file={file})"
    program = daemon.folder / "nvidia-cuda-mps-control"
    program.write_text(f"{program.read_text()}{log}\n")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2")
    monkeypatch.setattr(mps, "_PROBE", f"import os; {log}")
    with mps.served(CUDA) as variables:
        assert "CUDA_VISIBLE_DEVICES" not in variables
    assert [line[0] for line in daemon.told if len(line) == 1] == ["all", "2", "all"]


def test_a_daemon_quits_when_the_search_fails(daemon: Daemon) -> None:
    daemon.install()
    with pytest.raises(KeyboardInterrupt), mps.served(CUDA):
        raise KeyboardInterrupt
    assert [said for said, _ in daemon.told] == ["-d", "quit"]


def test_without_the_program_workers_take_turns_and_the_log_says_so(
    daemon: Daemon, caplog: pytest.LogCaptureFixture
) -> None:
    assert not mps.is_offered()
    with mps.served(CUDA) as variables:
        assert variables == {}
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert "nvidia-cuda-mps-control" in record.getMessage()
    assert record.getMessage().endswith("workers take turns on the GPU")


def test_a_daemon_that_does_not_start_is_not_told_to_quit(
    daemon: Daemon, caplog: pytest.LogCaptureFixture
) -> None:
    daemon.install(fails="-d")
    with mps.served(CUDA) as variables:
        assert variables == {}
    assert [said for said, _ in daemon.told] == ["-d"]
    assert "exit status 3. no device; workers take turns on the GPU" in caplog.text


def test_a_daemon_that_does_not_serve_is_stopped_and_not_used(
    daemon: Daemon, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    daemon.install()
    monkeypatch.setattr(mps, "_PROBE", "import sys; sys.exit(int(sys.argv[1]) + 4)")
    with mps.served(torch.device("cuda", 1)) as variables:
        assert variables == {}
    assert [said for said, _ in daemon.told] == ["-d", "quit"]
    assert "exit status 5" in caplog.text


def test_a_daemon_that_does_not_stop_is_said(
    daemon: Daemon, caplog: pytest.LogCaptureFixture
) -> None:
    daemon.install(fails="quit")
    with mps.served(CUDA) as variables:
        assert variables
    assert caplog.text.strip().endswith("its daemon is left behind")


def test_a_daemon_of_the_users_own_is_used_and_left_alone(
    daemon: Daemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_MPS_PIPE_DIRECTORY", "/elsewhere")
    assert mps.is_offered()
    with mps.served(CUDA) as variables:
        assert variables == {}
    assert not daemon.log.exists()


def test_an_installed_daemon_is_offered(daemon: Daemon) -> None:
    daemon.install()
    assert mps.is_offered()


@pytest.mark.skipif(torch.cuda.is_available(), reason="has a CUDA device")
def test_the_probe_fails_where_there_is_no_device() -> None:
    ran = subprocess.run([sys.executable, "-c", mps._PROBE, "0"], capture_output=True, check=False)
    assert ran.returncode != 0
