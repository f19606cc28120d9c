"""Students: networks built from architecture graphs, their weights in files, their latency."""

from autokd.students.build import Student, build
from autokd.students.latency import measure_latency
from autokd.students.weights import load_weights, save_weights

__all__ = ["Student", "build", "load_weights", "measure_latency", "save_weights"]
