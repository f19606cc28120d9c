"""Methods that need no teacher while a student is trained."""

from autokd.methods.common import fraction
from autokd.methods.method import Method, Needs
from autokd.parameters import Parameter

__all__ = ["ALONE"]

_NONE = Method(
    name="none",
    parameters=(),
    source="cross-entropy with the hard labels",
    implementation="autokd.distill.losses.none:none",
    needs=Needs(teacher=False),
    cost="less than plain distillation: no logits are read",
)

_LABEL_SMOOTHING = Method(
    name="label_smoothing",
    parameters=(
        Parameter(
            "smoothing",
            "float",
            0.1,
            "share of the target that is spread evenly over all classes",
            low=0.0,
            high=0.99,
        ),
    ),
    source="Szegedy et al. 2016, arXiv:1512.00567, section 7",
    implementation="autokd.distill.losses.label_smoothing:label_smoothing",
    needs=Needs(teacher=False),
    cost="less than plain distillation: no logits are read",
)

_TFNKD = Method(
    name="tfnkd",
    parameters=(),
    source="Yang et al. 2022, arXiv:2208.10139, section 3",
    implementation="autokd.distill.losses.tfnkd:tfnkd",
    needs=Needs(teacher=False, class_labels=True),
    cost="less than plain distillation: no logits are read",
)

_PSKD = Method(
    name="pskd",
    parameters=(
        fraction(
            "final_weight",
            0.8,
            "weight of the student's own earlier prediction at the end of training; it rises "
            "from 0 epoch by epoch",
        ),
    ),
    source="Kim et al. 2021, arXiv:2006.12000, section 3",
    implementation="autokd.distill.losses.pskd:Pskd",
    needs=Needs(teacher=False, class_labels=True),
    cost="memory for one prediction for each training image",
)

ALONE = (_NONE, _LABEL_SMOOTHING, _TFNKD, _PSKD)
"""Every method of this group."""
