"""Methods that compare the student's logits with those of one teacher."""

from autokd.methods.common import fraction, soft_weight, temperature, weight
from autokd.methods.method import Method, Needs
from autokd.parameters import Parameter

__all__ = ["LOGITS"]

_KD = Method(
    name="kd",
    parameters=(temperature(), soft_weight()),
    source="Hinton et al. 2015, arXiv:1503.02531, section 2",
    implementation="autokd.distill.losses.kd:kd",
    cost="nothing: the others are compared with it",
    matches_logits=True,
)

_DKD = Method(
    name="dkd",
    parameters=(
        temperature(),
        weight("alpha", 1.0, "weight of the divergence on the class itself against the rest"),
        weight("beta", 8.0, "weight of the divergence among the other classes; published: 2 to 8"),
    ),
    source="Zhao et al. 2022, arXiv:2203.08679, equation 7",
    implementation="autokd.distill.losses.dkd:dkd",
    needs=Needs(class_labels=True),
    matches_logits=True,
)

_NKD = Method(
    name="nkd",
    parameters=(
        temperature(3.0),
        weight("gamma", 3.5, "weight of the other classes' term; published for CIFAR-100"),
    ),
    source="Yang et al. 2023, arXiv:2303.13005, section 3",
    implementation="autokd.distill.losses.nkd:nkd",
    needs=Needs(class_labels=True),
    matches_logits=True,
)

_CTKD = Method(
    name="ctkd",
    parameters=(
        soft_weight(),
        Parameter(
            "t_start", "float", 1.0, "lower bound of the learned temperature", low=0.1, high=100.0
        ),
        Parameter(
            "t_end",
            "float",
            20.0,
            "width of the interval that the learned temperature moves in, above t_start",
            low=0.0,
            high=100.0,
        ),
        fraction(
            "decay_fraction",
            10 / 240,
            "share of training over which the reversed gradient rises to full strength; "
            "published: 10 of 240 epochs",
            low=0.01,
        ),
    ),
    source="Li et al. 2023, arXiv:2211.16231, section 3",
    implementation="autokd.distill.losses.ctkd:Ctkd",
    cost="one trained number",
    matches_logits=True,
)

_BDKD = Method(
    name="bdkd",
    parameters=(
        temperature(),
        soft_weight(),
        fraction(
            "lower_weight",
            0.5,
            "weight of the lesser of the two directions, the greater has 1; the published one is "
            "not known to us, this is ours",
        ),
    ),
    source="Amara et al. 2022, arXiv:2212.12965; offline here, weights ours",
    implementation="autokd.distill.losses.bdkd:bdkd",
    matches_logits=True,
)

_T_MAX = Parameter(
    "t_max",
    "int",
    20,
    "temperature at which annealing starts, in whole steps down to 1; published for ResNet-8: 20",
    low=1,
    high=1000,
)

_CONTINUATION = Method(
    name="continuation",
    parameters=(
        _T_MAX,
        weight(
            "margin",
            1.0,
            "squared distance of logits, mean over the classes, that costs nothing at full "
            "scale; not published for images, this is ours",
        ),
        fraction(
            "hard_fraction",
            150 / 200,
            "share of training at which only the hard labels are left; published: 150 of 200 "
            "epochs",
            low=0.01,
        ),
    ),
    source="Jafari et al. 2022, arXiv:2212.05998, algorithm 1",
    implementation="autokd.distill.losses.continuation:continuation",
    matches_logits=True,
)

_ANNEALING = Method(
    name="annealing",
    parameters=(
        _T_MAX,
        fraction(
            "stage_fraction",
            150 / 200,
            "share of training in the first stage, on the teacher's logits alone; the second one "
            "has the hard labels alone; ours",
            low=0.01,
        ),
    ),
    source="Jafari et al. 2021, arXiv:2104.07163, section 3",
    implementation="autokd.distill.losses.annealing:annealing",
    matches_logits=True,
)

_DIST = Method(
    name="dist",
    parameters=(
        temperature(),
        weight("beta", 2.0, "weight of the relations within an image; published for CIFAR-100"),
        weight("gamma", 2.0, "weight of the relations within a class; published for CIFAR-100"),
    ),
    source="Huang et al. 2022, arXiv:2205.10536, section 4",
    implementation="autokd.distill.losses.dist:dist",
    matches_logits=True,
)

LOGITS = (_KD, _DKD, _NKD, _CTKD, _BDKD, _CONTINUATION, _ANNEALING, _DIST)
"""Every method of this group."""
