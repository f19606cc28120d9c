"""autokd's sampler, for its own search and for any Optuna study.

`AutokdSampler` is used like any of Optuna's samplers. What makes it more than that is what it is
told: intermediate results of every trial (`note_rung`), and a `Preview` of what a point will cost.
"""

from autokd.sampler.encoding import Condition
from autokd.sampler.history import note_preview, note_rung
from autokd.sampler.preview import Preview, Previewer
from autokd.sampler.sampler import AutokdSampler, Space
from autokd.sampler.transfer import Earlier

__all__ = [
    "AutokdSampler",
    "Condition",
    "Earlier",
    "Preview",
    "Previewer",
    "Space",
    "note_preview",
    "note_rung",
]
