"""Trains students against a teacher that has already answered.

Holds losses, training, evaluation, the table of the teacher's outputs, and the training of a
teacher. A whole trial is put together in `autokd.search`.
"""

from autokd.distill.answers import Answers
from autokd.distill.device import Precision, resolve_device, resolve_precision
from autokd.distill.evaluation import predict, score
from autokd.distill.handover import open_for_worker, save_for_workers
from autokd.distill.losses import Loss, Seen, Setting, make_loss
from autokd.distill.memory import memory_errors
from autokd.distill.outputs import TeacherOutputs
from autokd.distill.preparation import prepare
from autokd.distill.prepared import PreparedStudy, TeacherFacts
from autokd.distill.progress import Progress
from autokd.distill.recipe import Recipe, make_recipe
from autokd.distill.source import TrainingSource
from autokd.distill.teach import study_network, train_teacher
from autokd.distill.training import climb, train

__all__ = [
    "Answers",
    "Loss",
    "Precision",
    "PreparedStudy",
    "Progress",
    "Recipe",
    "Seen",
    "Setting",
    "TeacherFacts",
    "TeacherOutputs",
    "TrainingSource",
    "climb",
    "make_loss",
    "make_recipe",
    "memory_errors",
    "open_for_worker",
    "predict",
    "prepare",
    "resolve_device",
    "resolve_precision",
    "save_for_workers",
    "score",
    "study_network",
    "train",
    "train_teacher",
]
