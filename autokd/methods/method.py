"""What a distillation method is, in words that need no torch.

The method itself is a function or a class in a file of its own, named by `Method.implementation`
and imported by `autokd.distill.losses` when it is used. What a method *needs* is said here, so
that a study which lacks it is refused while its file is read.
"""

from dataclasses import dataclass

from autokd.parameters import Parameter

__all__ = ["Method", "Needs"]


@dataclass(frozen=True, slots=True)
class Needs:
    """What a method reads beyond the student's logits and the labels.

    Attributes:
        teacher: Logits of the study's teacher.
        teachers: Fewest further networks under ``[[teachers]]``.
        assistants: Fewest networks under ``[[assistants]]``.
        features: Maps of the student and the teacher at the stages of both.
        tuning: Held-out images beside validation: the ``tuning`` split.
        class_labels: Hard labels that are class indices, so that views may not be mixed.
        mixed_views: Views that are mixed, ``[views] mix``.
        eager: It decides on the host in the midst of training, so that its steps cannot be
            replayed from a CUDA graph.
    """

    teacher: bool = True
    teachers: int = 0
    assistants: int = 0
    features: bool = False
    tuning: bool = False
    class_labels: bool = False
    mixed_views: bool = False
    eager: bool = False


@dataclass(frozen=True, slots=True)
class Method:
    """One distillation method.

    Attributes:
        name: How a search space names it.
        parameters: Its parameters; a search space writes them as ``[kd.NAME.PARAMETER]``, and
            those that methods share, temperature and soft_weight, as ``[kd.PARAMETER]`` too.
        source: Where it comes from.
        implementation: ``"package.module:name"`` of a function ``loss(seen, **parameters)``, or of
            a `torch.nn.Module` made as ``Loss(setting, **parameters)`` and called with ``seen``.
        needs: What it reads.
        cost: What it costs beside plain distillation, one line.
        matches_logits: Whether it compares two rows of logits that can be standardised first.
    """

    name: str
    parameters: tuple[Parameter, ...]
    source: str
    implementation: str
    needs: Needs = Needs()
    cost: str = "a few operations on the logits"
    matches_logits: bool = False

    @property
    def table(self) -> str:
        """Name of its table in a search space: that of the function where a user named one."""
        return self.name.rpartition(":")[2]
