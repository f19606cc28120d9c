"""Diagnostics: what a theory of distillation says should matter, measured on a run.

Phuong and Lampert 2019 (arXiv:2105.13093) explain distillation for linear networks by the geometry
of the data and by strong monotonicity: more images to distil on, less risk. Here both are measured
on networks that are not linear, each quantity with what it can and what it cannot tell. Nothing is
chosen by it, and no bound of theirs is computed.
"""

from autokd.diagnose.api import FRACTIONS, PARTS, diagnose
from autokd.diagnose.result import Diagnosis
from autokd.diagnose.write import check_page_path, write_diagnosis

__all__ = [
    "FRACTIONS",
    "PARTS",
    "Diagnosis",
    "check_page_path",
    "diagnose",
    "write_diagnosis",
]
