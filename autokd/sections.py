"""The tables of a study file: data, training, fidelity, objectives and the rest.

Each is a plain record with its own checks. Views, bounds and those who teach have modules of
their own, `autokd.views`, `autokd.constraints` and `autokd.teaching`. What holds between tables is
checked in `autokd.study`.
"""

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from autokd.checking import Checked, Sourced, illegal
from autokd.fidelity import Ladder
from autokd.pareto import Axis

__all__ = [
    "METRICS",
    "Budget",
    "DataSpec",
    "Direction",
    "Fidelity",
    "Latency",
    "Metric",
    "Objective",
    "SamplerSpec",
    "Schedule",
    "Training",
]

Metric = Literal[
    "top1",
    "ece",
    "agreement",
    "nll",
    "kl",
    "cev",
    "sde",
    "params",
    "macs",
    "latency_s",
    "peak_bytes",
]
"""What can be an objective; docs/studies.md says what each is."""

Direction = Literal["minimize", "maximize"]
"""Which way an objective goes."""

Schedule = Literal["restart", "long", "branch", "average"]
"""How the learning rate goes to the rungs."""

METRICS: dict[Metric, Direction] = {
    "top1": "maximize",
    "ece": "minimize",
    "agreement": "maximize",
    "nll": "minimize",
    "kl": "minimize",
    "cev": "minimize",
    "sde": "minimize",
    "params": "minimize",
    "macs": "minimize",
    "latency_s": "minimize",
    "peak_bytes": "minimize",
}
"""Every metric that can be an objective, with its direction."""

_SHARES = ("top1", "ece", "agreement")
_LOG_METRICS = ("params", "macs", "latency_s", "peak_bytes")
_PositiveInt = Annotated[int, Field(ge=1)]
_PositiveFloat = Annotated[float, Field(gt=0)]
_Fraction = Annotated[float, Field(gt=0, lt=1)]


class DataSpec(Sourced):
    """Where the images come from.

    Attributes:
        source: A data set by name, ``image_folder`` for a folder with a folder of images for each
            class, or ``arrays`` for images given in Python.
        root: Folder of the data, relative to ``--data`` or else to the current folder; needed for
            every source but ``digits`` and ``arrays``, which have none.
        download: Whether torchvision may fetch a data set that it knows when it is missing.
        image_size: Height and width to which images are brought, pixels, for ``image_folder``
            only; None keeps a square size that all share.
        train_limit: Images kept for training before validation is cut, stratified by class; None
            keeps all.
        least_per_class: Images of each class that ``train_limit`` keeps at least, if the class has
            so many; 0 refuses a limit that leaves fewer than 2.
        images_per_class: Training images kept of each class once the other splits are cut; None
            keeps all.
        validation_fraction: Share of the training images that is cut off for validation,
            stratified by class.
        tuning_fraction: Share of the training images left by validation that is cut off for
            methods that learn from held-out images; only where one of the study's methods does.
        test_fraction: Share cut off for testing where the source has no test images of its own.
        split_seed: Seed of the cuts; it stays when the study's seed changes.
    """

    later: ClassVar = frozenset({"images_per_class", "least_per_class", "tuning_fraction"})
    read_by: ClassVar = {
        "root": ("fashion_mnist", "cifar10", "cifar100", "image_folder"),
        "download": ("fashion_mnist", "cifar10", "cifar100"),
        "image_size": ("image_folder",),
        "test_fraction": ("digits", "image_folder", "arrays"),
    }

    source: Literal["digits", "fashion_mnist", "cifar10", "cifar100", "image_folder", "arrays"]
    root: str | None = None
    download: bool = False
    image_size: Annotated[int, Field(ge=8, le=224)] | None = None
    train_limit: _PositiveInt | None = None
    least_per_class: Annotated[int, Field(ge=0)] = 0
    images_per_class: _PositiveInt | None = None
    validation_fraction: _Fraction = 0.2
    tuning_fraction: _Fraction = 0.1
    test_fraction: _Fraction = 0.2
    split_seed: int = 0

    @model_validator(mode="after")
    def _has_root(self) -> Self:
        if self.source not in ("digits", "arrays") and self.root is None:
            raise illegal("root", f"is missing: source {self.source!r} needs a folder")
        return self


class Training(Checked):
    """How every student is trained.

    Attributes:
        batch_size: Images a step.
        learning_rate: Peak learning rate of SGD with Nesterov momentum.
        momentum: Momentum, in [0, 1).
        weight_decay: L2 penalty on weights of more than one dimension.
        warmup_fraction: Share of a rung's steps over which the learning rate rises from 0: of each
            rung's where the schedule restarts, of the lowest rung's where it warms up once.
        precision: ``float32``, or ``auto``: bfloat16 where the device gains from it.
        cuda_graph: ``auto`` records the training step on a CUDA device and replays it, and goes on
            without where that fails; ``off`` never does. Results are the same up to rounding.
        recompute: Whether what convolutions read is dropped and worked out again in the backward
            pass: less memory, more time. A trial short of memory is begun again with it anyway.
        schedule: How the learning rate goes to the rungs, and what is scored there. ``restart``
            rises and falls once for each rung; ``long`` once over all epochs to the top rung;
            ``branch`` keeps the rate, and scores a copy that is decayed over the rung's last
            epochs; ``average`` keeps it, and scores the mean of the weights of the last steps.
    """

    later: ClassVar = frozenset({"schedule"})

    batch_size: _PositiveInt = 64
    learning_rate: _PositiveFloat = 0.1
    momentum: Annotated[float, Field(ge=0, lt=1)] = 0.9
    weight_decay: Annotated[float, Field(ge=0)] = 5e-4
    warmup_fraction: Annotated[float, Field(ge=0, lt=1)] = 0.2
    precision: Literal["float32", "auto"] = "float32"
    cuda_graph: Literal["auto", "off"] = "auto"
    recompute: bool = False
    schedule: Schedule = "restart"


class Fidelity(Checked):
    """The ladder: how long a trial trains before it is raced.

    Attributes:
        min_epochs: Lower bound of the lowest rung, epochs; at most ``max_epochs``.
        max_epochs: The top rung, epochs.
        eta: Ratio between rungs; one in ``eta`` trials goes on.
    """

    min_epochs: _PositiveInt
    max_epochs: _PositiveInt
    eta: Annotated[int, Field(ge=2)] = 3

    @property
    def ladder(self) -> Ladder:
        """The rungs in epochs."""
        return Ladder.geometric(self.min_epochs, self.max_epochs, self.eta)

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.min_epochs > self.max_epochs:
            found = f"{self.min_epochs} and {self.max_epochs}"
            raise illegal("min_epochs", f"must not exceed max_epochs, found {found}")
        return self


class Objective(Checked):
    """What the search makes larger or smaller; several objectives give a front.

    Attributes:
        metric: What is measured, on validation where it is measured on images.
        direction: Follows from the metric; written out so that a study file reads by itself.
        reference: The reference point's coordinate, in the metric's own unit: results at it or
            beyond do not count.
    """

    metric: Metric
    direction: Direction
    reference: float

    @model_validator(mode="after")
    def _sensible(self) -> Self:
        direction = METRICS[self.metric]
        if self.direction != direction:
            found = f"found {self.direction!r}"
            raise illegal("direction", f"must be {direction!r} for {self.metric}, {found}")
        is_legal, legal = self._judge_reference()
        if not is_legal:
            found = f"found {self.reference:g}"
            raise illegal("reference", f"must be {legal} for {self.metric}, {found}")
        return self

    def _judge_reference(self) -> tuple[bool, str]:
        if self.metric not in _SHARES:
            return self.reference > 0, "above 0"
        if self.direction == "maximize":
            return 0 <= self.reference < 1, "in [0, 1)"
        return 0 < self.reference <= 1, "in (0, 1]"

    @property
    def axis(self) -> Axis:
        """The objective as `autokd.pareto` reads it."""
        scale: Literal["linear", "log10"] = "log10" if self.metric in _LOG_METRICS else "linear"
        return Axis(self.metric, self.direction, scale, self.reference)


class Latency(Checked):
    """How latency is measured, where an objective or a constraint asks for it.

    Attributes:
        batch_size: Images a batch.
        threads: CPU threads.
        repeats: Timed batches after the warm-up; the median counts.
    """

    batch_size: _PositiveInt = 1
    threads: _PositiveInt = 1
    repeats: _PositiveInt = 30


class SamplerSpec(Checked):
    """What proposes points.

    Attributes:
        name: ``autokd``, our own (`autokd.sampler`); of Optuna's ``tpe`` (multivariate, grouped,
            with a constant liar), ``nsga2``, ``gp`` or ``random``.
        startup_trials: Trials drawn at random before a model is used, for ``nsga2`` the trials of
            a generation; None means 4 for ``autokd``, which counts finished ones, and 10 for the
            others.
        memory: Finished trials to which a model is fitted, >= startup_trials; of more, the better
            half and the latest are kept. ``tpe`` and ``gp`` are cut back to so many at half as
            many again. It bounds the time of a proposal.
        previews: Points whose students ``autokd`` draws for a proposal, to know their size.
    """

    later: ClassVar = frozenset({"previews"})

    name: Literal["autokd", "tpe", "nsga2", "gp", "random"] = "autokd"
    startup_trials: _PositiveInt | None = None
    memory: _PositiveInt = 300
    previews: _PositiveInt = 32

    @property
    def n_startup(self) -> int:
        """Trials drawn at random before a model is used."""
        return self.startup_trials or (4 if self.name == "autokd" else 10)

    @property
    def asks_ahead(self) -> bool:
        """Whether the next point is proposed while trials run, since it takes a while."""
        return self.name == "autokd"

    @property
    def revisits(self) -> bool:
        """Whether it knows which students were stopped, and may propose to train them on."""
        return self.name == "autokd"

    @model_validator(mode="after")
    def _remembers_its_start(self) -> Self:
        least = max(2, self.n_startup)
        if self.memory < least:
            raise illegal("memory", f"must be at least {least}, found {self.memory}")
        return self


class Budget(Checked):
    """When the study ends: at least one limit, and the first that is reached counts.

    Attributes:
        trials: Slots, infeasible and failed trials included; None means no such limit.
        seconds: Seconds of searching, teacher and table apart, the training of assistants
            included; None means no such limit.
    """

    trials: _PositiveInt | None = None
    seconds: _PositiveFloat | None = None

    @model_validator(mode="after")
    def _limited(self) -> Self:
        if self.trials is None and self.seconds is None:
            raise illegal("trials", "is missing: a budget needs trials, seconds or both")
        return self
