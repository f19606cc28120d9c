"""Methods that are about which images are shown, and which labels are not."""

from autokd.methods.common import temperature
from autokd.methods.method import Method, Needs
from autokd.parameters import Parameter

__all__ = ["DATA"]

_FUNMATCH = Method(
    name="funmatch",
    parameters=(temperature(1.0),),
    source="Beyer et al. 2022, arXiv:2106.05237, section 3; no hard labels",
    implementation="autokd.distill.losses.funmatch:funmatch",
    needs=Needs(mixed_views=True),
    cost="nothing a step; it is meant for long training",
    matches_logits=True,
)

_XCL = Method(
    name="xcl",
    parameters=(
        temperature(1.0),
        Parameter(
            "uncertainty_power",
            "float",
            1.0,
            "power of the teacher's entropy that weighs an image, 0: all the same; ours",
            low=0.0,
            high=8.0,
        ),
    ),
    source="Pouransari et al. 2020, arXiv:2007.00051; the weighting is ours; no hard labels",
    implementation="autokd.distill.losses.xcl:xcl",
    needs=Needs(mixed_views=True),
    matches_logits=True,
)

_FSBBT = Method(
    name="fsbbt",
    parameters=(temperature(1.0),),
    source="Nguyen et al. 2022, Black-box Few-shot Knowledge Distillation, ECCV; soft targets "
    "only, without its generated images",
    implementation="autokd.distill.losses.fsbbt:fsbbt",
    cost="nothing; no hard labels, and probabilities of the teacher are enough",
)

DATA = (_FUNMATCH, _XCL, _FSBBT)
"""Every method of this group."""
