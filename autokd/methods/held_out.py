"""Methods that learn how to teach from held-out images.

`de_ensemble` reads the tuning split too; it stands with the other ensembles.
"""

from autokd.methods.common import fraction, temperature
from autokd.methods.method import Method, Needs
from autokd.parameters import Parameter

__all__ = ["HELD_OUT"]

_AMAL = Method(
    name="amal",
    parameters=(
        temperature(),
        fraction(
            "initial_weight",
            0.9,
            "weight of every image's soft targets at first; its hard label gets the rest",
        ),
        fraction(
            "refresh_fraction",
            10 / 200,
            "share of training between two refreshes of the weights; published: 10 of 200 epochs",
            low=0.001,
        ),
        Parameter(
            "step_size",
            "float",
            1500.0,
            "step of the weights down the held-out loss's gradient, >= 0",
            low=0.0,
            high=1e6,
        ),
        Parameter(
            "virtual_rate",
            "float",
            0.1,
            "learning rate of the student's virtual step, > 0; there it is the optimizer's",
            low=1e-6,
            high=10.0,
        ),
        Parameter(
            "n_tuning",
            "int",
            256,
            "tuning images of one virtual step; ours: 1000 for three batches there",
            low=1,
            high=100_000,
        ),
        Parameter("n_inner", "int", 5, "steps of the weights at a refresh", low=1, high=100),
    ),
    source="Sivasubramanian et al. 2023, arXiv:2202.03250; constants as in the authors' code",
    implementation="autokd.distill.losses.amal:Amal",
    needs=Needs(tuning=True, eager=True),
    cost="a weight for each training image and term; a refreshing epoch takes about twice as long",
)

HELD_OUT = (_AMAL,)
"""Every method of this group."""
