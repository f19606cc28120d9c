"""NVIDIA's Multi-Process Service, so that several workers run on one GPU at the same time.

Without it the processes that use a GPU take turns. The service is a daemon of the user's own: it
needs no other rights, leaves the device's compute mode as it is, talks through a private folder,
and is stopped when the workers are. Where it cannot be had, workers still share the device, and
the log says why they take turns. A daemon that the user runs, named by
``CUDA_MPS_PIPE_DIRECTORY``, is used and left alone.

The daemon sees all devices, and which of them are visible is said to its clients alone: told both,
a number would be counted twice, among the devices that are left.

What it leaves out: the daemon of a search that was killed hard. It stays, and does nothing.
"""

import logging
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import torch

__all__ = ["is_offered", "served"]

_CONTROL = "nvidia-cuda-mps-control"
_PIPES = "CUDA_MPS_PIPE_DIRECTORY"
_LOGS = "CUDA_MPS_LOG_DIRECTORY"
_VISIBLE = "CUDA_VISIBLE_DEVICES"
_PATIENCE_S = 30.0
_LOG = logging.getLogger(__name__)

# What every worker does first, without torch's seconds: a daemon may run and still not serve.
_PROBE = """\
import ctypes, sys
cuda, context = ctypes.CDLL("libcuda.so.1"), ctypes.c_void_p()
sys.exit(cuda.cuInit(0) or cuda.cuDevicePrimaryCtxRetain(ctypes.byref(context), int(sys.argv[1])))
"""


def is_offered() -> bool:
    """Say whether this machine has the service.

    Returns:
        True if its daemon is installed, or the user runs one.
    """
    return _PIPES in os.environ or shutil.which(_CONTROL) is not None


@contextmanager
def served(device: torch.device) -> Iterator[Mapping[str, str]]:
    """Run the service for as long as the context lasts.

    Args:
        device: The workers' CUDA device.

    Yields:
        Environment variables for the workers; none where the user runs the service, or there is
        none.
    """
    if _PIPES in os.environ:
        yield {}
        return
    # Not in the run folder: the names of sockets are short, and their disk is a local one.
    with tempfile.TemporaryDirectory(prefix="autokd-", ignore_cleanup_errors=True) as folder:
        variables = {_PIPES: folder, _LOGS: folder}
        probe = [sys.executable, "-c", _PROBE, str(device.index or 0)]
        otherwise = "workers take turns on the GPU"
        runs = _do([_CONTROL, "-d"], variables, otherwise=otherwise)
        try:
            yield variables if runs and _do(probe, variables, otherwise=otherwise) else {}
        finally:
            if runs:
                _do([_CONTROL], variables, says="quit\n", otherwise="its daemon is left behind")


def _do(
    command: Sequence[str], variables: Mapping[str, str], *, otherwise: str, says: str = ""
) -> bool:
    """Run a command to its end; where it fails, log why, and what comes of it."""
    try:
        _run(command, variables, says=says)
    except (OSError, subprocess.SubprocessError) as error:
        said = error.output if isinstance(error, subprocess.CalledProcessError) else ""
        _LOG.warning("MPS: %s; %s", " ".join([str(error), *said.split()]), otherwise)
        return False
    return True


def _run(command: Sequence[str], variables: Mapping[str, str], *, says: str) -> None:
    environment = {**os.environ, **variables}
    if command[0] == _CONTROL:
        environment.pop(_VISIBLE, None)
    # Into a file: a daemon keeps its output open, and reading a pipe would wait for its end.
    with tempfile.TemporaryFile("w+") as output:
        try:
            subprocess.run(
                command,
                env=environment,
                input=says,
                stdout=output,
                stderr=subprocess.STDOUT,
                text=True,
                check=True,
                timeout=_PATIENCE_S,
            )
        except subprocess.CalledProcessError as error:
            output.seek(0)
            error.output = output.read()
            raise
