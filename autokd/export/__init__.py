"""Taking a student away: choose it, write it as a folder, load that folder, train it to the end.

Importing this package imports no torch, so that a student's config is written at once;
`autokd.export.retrain` is imported by name.
"""

from autokd.export.choose import choose
from autokd.export.folder import FORMATS, export_student, load_student
from autokd.export.loading import build_student

__all__ = ["FORMATS", "build_student", "choose", "export_student", "load_student"]
