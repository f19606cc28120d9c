"""Weights in three forms: safetensors for autokd itself, an ONNX file, a torch.export program.

Both foreign forms take raw images in [0, 1], ``(batch, channels, size, size)``, in batches of any
size, and carry no paths or stack traces of the machine that wrote them, so the same student gives
the same bytes.
"""

from pathlib import Path

import onnx
import torch
from torch import Tensor, nn

from autokd.graphs import InputShape

__all__ = ["INPUT", "OUTPUT", "write_onnx", "write_program"]

INPUT = "images"
"""Name of the ONNX graph's input."""

OUTPUT = "logits"
"""Name of the ONNX graph's output."""


def write_onnx(student: nn.Module, shape: InputShape, path: Path) -> None:
    """Write a student as an ONNX file.

    Args:
        student: The student, in eval mode, on the CPU.
        shape: What it reads and answers.
        path: The file; it must not exist.
    """
    program = torch.onnx.export(
        student,
        _example(shape),
        dynamo=True,
        dynamic_shapes=_any_batch(),
        input_names=[INPUT],
        output_names=[OUTPUT],
        verbose=False,  # else it reports its progress on stdout
    )
    assert program is not None  # the dynamo exporter always returns one
    proto = program.model_proto
    _forget_machine(proto)
    onnx.save(proto, str(path))


def write_program(student: nn.Module, shape: InputShape, path: Path) -> None:
    """Write a student as a torch.export program.

    Args:
        student: The student, in eval mode, on the CPU.
        shape: What it reads and answers.
        path: The file, ``.pt2``.
    """
    program = torch.export.export(student, _example(shape), dynamic_shapes=_any_batch())
    for node in program.graph.nodes:
        node.meta.pop("stack_trace", None)
    torch.export.save(program, path)


def _example(shape: InputShape) -> tuple[Tensor]:
    # Two images: torch takes a batch of one for a constant.
    return (torch.zeros(2, shape.channels, shape.size, shape.size),)


def _any_batch() -> tuple[dict[int, object]]:
    return ({0: torch.export.Dim("batch")},)


def _forget_machine(proto: onnx.ModelProto) -> None:
    for node in proto.graph.node:
        del node.metadata_props[:]
        node.ClearField("doc_string")
    for value in (*proto.graph.value_info, *proto.graph.input, *proto.graph.output):
        del value.metadata_props[:]
