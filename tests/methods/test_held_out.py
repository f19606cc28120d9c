"""Methods that learn from held-out images: the authors' constants, as shares of training."""

from autokd.methods import Needs
from autokd.methods.held_out import HELD_OUT


def test_defaults_are_those_of_the_authors_code() -> None:
    (amal,) = HELD_OUT
    assert {p.name: p.default for p in amal.parameters} == {
        "temperature": 4.0,
        "initial_weight": 0.9,
        "refresh_fraction": 10 / 200,
        "step_size": 1500.0,
        "virtual_rate": 0.1,
        "n_tuning": 256,
        "n_inner": 5,
    }


def test_weights_are_learned_on_tuning_images_by_steps_that_cannot_be_replayed() -> None:
    (amal,) = HELD_OUT
    assert amal.needs == Needs(tuning=True, eager=True)
