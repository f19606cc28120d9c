"""Every error that autokd raises on purpose.

The tree, with the builtin that each class also is::

    AutoKDError
    ├── DefinitionError (ValueError)      a study or search-space file is illegal
    ├── DataError (ValueError)            images or labels that cannot be used
    ├── TeacherError (ValueError)         a teacher that cannot be loaded, or does not fit
    ├── RunError (RuntimeError)           a run folder or its storage cannot be used
    │   └── ChangedDefinitionError        resuming with definitions that differ from the run's
    ├── ExportError (RuntimeError)        a student cannot be exported, or its export differs
    ├── ReportError (RuntimeError)        a report cannot be written
    ├── DiagnosisError (RuntimeError)     a run cannot be diagnosed as asked
    ├── GraphError (ValueError)           an architecture graph that is not a network
    ├── ShapeError (ValueError)           tensors whose shapes do not fit
    └── TrialError (RuntimeError)         one trial is lost, the study goes on
        ├── InfeasibleError               known before any training
        │   ├── StudentTooSmall           the widest student stays below the budget
        │   ├── StudentTooLarge           the narrowest student exceeds the budget
        │   └── ConstraintViolated        a bound of the study's [constraints] is exceeded
        ├── Diverged                      a loss or a weight is not finite
        ├── OutOfMemory                   the device has no memory left
        └── WorkerDied                    the worker process ended without an answer

A study survives `TrialError` only. The command line prints one line for an `AutoKDError` and
exits with 2; a traceback there means a bug.
"""

__all__ = [
    "AutoKDError",
    "ChangedDefinitionError",
    "ConstraintViolated",
    "DataError",
    "DefinitionError",
    "DiagnosisError",
    "Diverged",
    "ExportError",
    "GraphError",
    "InfeasibleError",
    "OutOfMemory",
    "ReportError",
    "RunError",
    "ShapeError",
    "StudentTooLarge",
    "StudentTooSmall",
    "TeacherError",
    "TrialError",
    "WorkerDied",
]


class AutoKDError(Exception):
    """Base of every error raised on purpose."""


class DefinitionError(AutoKDError, ValueError):
    """A study or search-space file says something illegal; the message names file and key."""


class DataError(AutoKDError, ValueError):
    """Images or labels are missing, unreadable or unusable."""


class TeacherError(AutoKDError, ValueError):
    """A teacher cannot be loaded, does not fit the data, or is too weak."""


class RunError(AutoKDError, RuntimeError):
    """A run folder or its storage cannot be used."""


class ChangedDefinitionError(RunError):
    """A run is resumed with definitions that differ from those it was started with."""


class ExportError(AutoKDError, RuntimeError):
    """A student cannot be exported, or what was exported is not the student."""


class ReportError(AutoKDError, RuntimeError):
    """A report, table or picture cannot be written."""


class DiagnosisError(AutoKDError, RuntimeError):
    """A run cannot be diagnosed in the way that was asked for."""


class GraphError(AutoKDError, ValueError):
    """An architecture graph breaks a rule of `autokd.graphs.ir`."""


class ShapeError(AutoKDError, ValueError):
    """Tensors have shapes that do not fit each other."""


class TrialError(AutoKDError, RuntimeError):
    """One trial is lost; its reason is recorded and the study goes on."""


class InfeasibleError(TrialError):
    """A student is refused before any training.

    Attributes:
        violation: How far the bound is exceeded, relative to it, > 0; samplers learn from it.
    """

    def __init__(self, message: str, *, violation: float) -> None:
        super().__init__(message)
        self.violation = violation

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuild, (type(self), str(self), self.violation)


class StudentTooSmall(InfeasibleError):
    """The widest student that the drawn graph allows stays below the budget."""


class StudentTooLarge(InfeasibleError):
    """The narrowest student that the drawn graph allows exceeds the budget."""


class ConstraintViolated(InfeasibleError):
    """A bound of the study's ``[constraints]`` is exceeded."""


class Diverged(TrialError):
    """A loss or a weight stopped being finite."""


class OutOfMemory(TrialError):
    """The device has no memory left for this student."""


class WorkerDied(TrialError):
    """The worker process ended without an answer."""


def _rebuild(kind: type[InfeasibleError], message: str, violation: float) -> InfeasibleError:
    return kind(message, violation=violation)
