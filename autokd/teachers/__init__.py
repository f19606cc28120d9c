"""Teachers: where they come from, and whether they fit. They are trained in `autokd.distill`."""

from autokd.teachers.checkpoint import read_state
from autokd.teachers.fitting import check_fits, freeze
from autokd.teachers.load import given_teacher, load_teacher, new_teacher
from autokd.teachers.normalised import Normalised
from autokd.teachers.probabilities import read_probabilities
from autokd.teachers.rebuilt import rebuilt_teacher
from autokd.teachers.zoo import ZOO, cifar_resnet, zoo_model

__all__ = [
    "ZOO",
    "Normalised",
    "check_fits",
    "cifar_resnet",
    "freeze",
    "given_teacher",
    "load_teacher",
    "new_teacher",
    "read_probabilities",
    "read_state",
    "rebuilt_teacher",
    "zoo_model",
]
