"""Methods that compare maps of the student with maps of the teacher.

Each adds its term to the hard labels, as published comparisons do, and takes ``temperature`` and
``soft_weight`` so that it can stand beside soft targets: the loss is ``soft_weight * soft +
(1 - soft_weight) * hard + weight * term``, by default without soft targets.
"""

from autokd.methods.common import fraction, soft_weight, temperature, weight
from autokd.methods.method import Method, Needs
from autokd.parameters import Parameter

__all__ = ["FEATURES"]

_SOFT = (temperature(), soft_weight(0.0))
_MAPS = Needs(features=True)
_STORED = "stored maps or a live teacher"
_TRAINED = f"{_STORED}, and trained layers"

_FITNET = Method(
    name="fitnet",
    parameters=(weight("weight", 100.0, "weight of the squared distance of the maps"), *_SOFT),
    source="Romero et al. 2015, arXiv:1412.6550, equation 3; weight as in RepDistiller",
    implementation="autokd.distill.losses.fitnet:Fitnet",
    needs=_MAPS,
    cost=_TRAINED,
)

_AT = Method(
    name="at",
    parameters=(
        weight("weight", 1000.0, "weight of the attention maps' distance, summed over stages"),
        Parameter(
            "power",
            "float",
            2.0,
            "power to which activations are raised before channels are averaged",
            low=1.0,
            high=8.0,
        ),
        *_SOFT,
    ),
    source="Zagoruyko and Komodakis 2017, arXiv:1612.03928, equation 2; weight as in RepDistiller",
    implementation="autokd.distill.losses.at:at",
    needs=_MAPS,
    cost=_STORED,
)

_SP = Method(
    name="sp",
    parameters=(weight("weight", 3000.0, "weight of the similarity matrices' distance"), *_SOFT),
    source="Tung and Mori 2019, arXiv:1907.09682, equation 4; weight as in RepDistiller",
    implementation="autokd.distill.losses.sp:sp",
    needs=_MAPS,
    cost=_STORED,
)

_RKD = Method(
    name="rkd",
    parameters=(
        weight("distance_weight", 25.0, "weight of the pairwise distances"),
        weight("angle_weight", 50.0, "weight of the angles in triplets"),
        *_SOFT,
    ),
    source="Park et al. 2019, arXiv:1904.05068, section 3.2; weights as in RepDistiller",
    implementation="autokd.distill.losses.rkd:rkd",
    needs=_MAPS,
    cost=f"{_STORED}, and angles of all triplets of a batch",
)

_PKT = Method(
    name="pkt",
    parameters=(weight("weight", 30000.0, "weight of the divergence of similarities"), *_SOFT),
    source="Passalis and Tefas 2018, arXiv:1803.10837, section 3; weight as in RepDistiller",
    implementation="autokd.distill.losses.pkt:pkt",
    needs=_MAPS,
    cost=_STORED,
)

_CRD = Method(
    name="crd",
    parameters=(
        weight("weight", 0.8, "weight of the contrast"),
        Parameter(
            "contrast_temperature",
            "float",
            0.07,
            "softening of the contrast's similarities, > 0; its own, beside the soft targets'",
            low=0.001,
            high=10.0,
        ),
        Parameter(
            "n_negatives",
            "int",
            512,
            "negatives for each image; published: 16384, fewer here for short budgets",
            low=1,
            high=65536,
        ),
        Parameter(
            "embedding", "int", 128, "width of the space in which is compared", low=2, high=1024
        ),
        *_SOFT,
    ),
    source="Tian et al. 2020, arXiv:1910.10699, section 3; constants as in RepDistiller",
    implementation="autokd.distill.losses.crd:Crd",
    # Negatives are images of other classes, and a memory has one place for each image.
    needs=Needs(features=True, class_labels=True),
    cost=f"{_STORED}, trained layers, and two memories of one embedding for each training image",
)

_REVIEWKD = Method(
    name="reviewkd",
    parameters=(
        weight("weight", 1.0, "weight of the reviewed maps' distance; published: 0.6 to 8"),
        fraction(
            "warmup_fraction",
            20 / 240,
            "share of training over which the weight rises from 0; published: 20 of 240 epochs",
        ),
        *_SOFT,
    ),
    source="Chen et al. 2021, arXiv:2104.09044, section 3",
    implementation="autokd.distill.losses.reviewkd:Reviewkd",
    needs=_MAPS,
    cost=_TRAINED,
)

_FEED = Method(
    name="feed",
    parameters=(
        weight(
            "weight",
            0.1,
            "weight of the distance of the last maps, each of length 1; the published one is not "
            "known to us, this is ours",
        ),
        *_SOFT,
    ),
    source="Park and Kwak 2019, arXiv:1909.10754, pFEED; of the study's teacher only",
    implementation="autokd.distill.losses.feed:Feed",
    needs=_MAPS,
    cost=f"{_STORED}, and three trained convolutions on the last map",
)

FEATURES = (_FITNET, _AT, _SP, _RKD, _PKT, _CRD, _REVIEWKD, _FEED)
"""Every method of this group."""
