"""Methods with several teachers, side by side or in a chain."""

from autokd.methods.common import flag, soft_weight, temperature, weight
from autokd.methods.method import Method, Needs

__all__ = ["ENSEMBLES"]

_MEAL = Method(
    name="meal",
    parameters=(
        temperature(1.0),
        flag(
            "discriminator",
            False,
            "whether a small network also tells the student's logits from the teachers'",
        ),
        weight(
            "discriminator_weight",
            1.0,
            "weight of the discriminator's cross-entropy; 1 in the authors' code",
        ),
    ),
    source="Shen and Savvides 2020, arXiv:2009.08453, section 3; the mean includes the study's "
    "teacher",
    implementation="autokd.distill.losses.meal:Meal",
    needs=Needs(teachers=1),
    cost="one table for each teacher; no hard labels; a discriminator of three layers if asked",
)

_CAMKD = Method(
    name="camkd",
    parameters=(
        temperature(),
        weight("alpha", 1.0, "weight of the teachers' logits"),
        weight(
            "beta", 50.0, "weight of the teacher's last map, from the second epoch on; 0: none"
        ),
    ),
    source="Zhang et al. 2022, arXiv:2201.00007, section 2; maps of the study's teacher only",
    implementation="autokd.distill.losses.camkd:Camkd",
    needs=Needs(teachers=1, features=True),
    cost="one table for each teacher, stored maps or a live teacher, and one trained layer",
)

_CESD = Method(
    name="cesd",
    parameters=(
        temperature(),
        soft_weight(),
        flag(
            "curriculum",
            True,
            "whether the hard images come to the large experts only as training goes on; "
            "otherwise the split by difficulty is the same throughout; ours",
        ),
    ),
    source="Amara et al. 2022, arXiv:2209.07606; difficulty and schedule are ours",
    implementation="autokd.distill.losses.cesd:cesd",
    needs=Needs(assistants=1),
    cost="training of the assistants, and one table for each",
)

_DE_ENSEMBLE = Method(
    name="de_ensemble",
    parameters=(temperature(), soft_weight()),
    source="Ganta et al. 2022, arXiv:2206.12005; settings of the evolution are ours",
    implementation="autokd.distill.losses.de_ensemble:DeEnsemble",
    needs=Needs(teacher=False, assistants=2, tuning=True),
    cost="training of the assistants, one table for each, and seconds of differential evolution",
)

_TAKD = Method(
    name="takd",
    parameters=(temperature(), soft_weight()),
    source="Mirzadeh et al. 2020, arXiv:1902.03393; the last assistant teaches",
    implementation="autokd.distill.losses.takd:takd",
    needs=Needs(teacher=False, assistants=1),
    cost="training of the chain of assistants",
)

ENSEMBLES = (_MEAL, _CAMKD, _CESD, _DE_ENSEMBLE, _TAKD)
"""Every method of this group."""
