"""What proposes points: an Optuna sampler over an in-memory copy of the study.

The ledger keeps metrics in their own units for people; a sampler needs what is to be minimised, on
the scale on which the hypervolume is defined (1 - top1, log10 params). So the sampler works on a
copy of the study that holds just that. The copy is fast to read, takes the many small writes of
Optuna's define-by-run interface, and is rebuilt from the ledger at resume; the ledger then gets a
whole trial in one write.
"""

import copy
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import cast

from optuna.samplers import BaseSampler, NSGAIISampler
from optuna.trial import FrozenTrial, Trial, TrialState, create_trial

from autokd.parameters import Point, Value
from autokd.pareto import minimised, reference_point
from autokd.runs import Record
from autokd.sampler import AutokdSampler, note_preview, note_rung
from autokd.sampler.memory import remembered
from autokd.search.copied import add_trial, copied_study, end_trial
from autokd.search.family import Draw, slot_seed
from autokd.search.previews import make_previewer, preview_of, preview_queued, sampler_space
from autokd.search.proposal import Proposal
from autokd.search.queued import Queued
from autokd.search.samplers import make_sampler
from autokd.search.tpe import Rows
from autokd.search.warm import WarmStart
from autokd.seeds import derive_seed
from autokd.space import (
    METHOD,
    CategoricalDomain,
    Dimension,
    Domain,
    FixedDomain,
    FloatDomain,
    IntDomain,
)
from autokd.study import StudySpec

__all__ = ["Proposal", "Proposer"]

_MODELS = ("autokd", "tpe", "gp")
"""Samplers that fit a model to what they see; NSGA-II looks up its generations by number."""


class Proposer:
    """Proposes a point for a slot, and learns from how slots end.

    Args:
        spec: The study.
        draw: Draws a point's family; None leaves autokd's own sampler without previews.
        warm: What is proposed before the sampler is asked, and what it may learn from.
    """

    def __init__(
        self, spec: StudySpec, draw: Draw | None = None, *, warm: WarmStart | None = None
    ) -> None:
        self._spec = spec
        self._draw = draw
        self._warm = warm or WarmStart()
        self._copy = copied_study(len(spec.objectives))
        self._space = sampler_space(spec.search_space)
        self._rows: Rows = {}
        self._numbers: dict[int, int] = {}

    def propose(self, slot: int) -> Proposal:
        """Draw a point, or take it from the queue.

        Args:
            slot: Slot that it is for; its seed decides what is random about the draw.

        Returns:
            The point. The slot counts as running until `learn` is called for it.
        """
        if slot < len(self._warm.queue):
            return self._queued(slot, self._warm.queue[slot])
        seed = derive_seed(self._spec.seed, "sampler", slot)
        self._forget()
        sampler = self._sampler(slot, seed)
        self._recall_parents(sampler)
        self._copy.sampler = sampler
        trial = self._copy.ask()
        self._numbers[slot] = trial.number
        point = _draw(trial, self._spec.search_space.dimensions())
        drawn = self._trial(trial.number)
        return Proposal(
            point, dict(drawn.params), dict(drawn.distributions), dict(drawn.system_attrs)
        )

    def note(self, record: Record) -> None:
        """Tell the sampler what a running slot has shown so far.

        Args:
            record: The slot's record. Only autokd's own sampler learns from rungs.
        """
        if self._is_guided:
            self._note(record)

    def restore(self, trial: FrozenTrial, record: Record) -> Proposal:
        """Take over what an earlier session proposed for a slot.

        Args:
            trial: Optuna's trial of the last attempt.
            record: Its record; an interrupted slot counts as running again.

        Returns:
            The slot's proposal.
        """
        proposal = Proposal(
            record.point,
            dict(trial.params),
            dict(trial.distributions),
            {key: note for key, note in trial.system_attrs.items() if not _is_constraint(key)},
            record.origin,
        )
        if record.is_baseline and not self._is_guided:
            return proposal
        self._forget()
        running = copy.copy(trial)
        running.state, running.datetime_complete, running.values = TrialState.RUNNING, None, None
        running.user_attrs, running.system_attrs = {}, proposal.notes
        self._numbers[record.slot] = add_trial(self._copy, running)
        if self._is_guided and self._draw is not None and record.graphs:
            note_preview(self._running(self._numbers[record.slot]), preview_of(self._spec, record))
        return proposal

    def learn(self, record: Record, *, violation: float | None = None) -> None:
        """Tell the sampler how a slot ended.

        Args:
            record: The slot's closed record.
            violation: For an infeasible slot: how far the bound is exceeded, > 0.
        """
        if record.slot not in self._numbers:
            return  # a baseline, of which Optuna's samplers do not know
        if self._is_guided:
            self._note(record)  # of a restored or repeated trial nothing was noted before
        number = self._numbers.pop(record.slot)
        state, values = TrialState.PRUNED, None
        match record.outcome:
            case "complete" | "repeated" if record.epochs == self._spec.fidelity.max_epochs:
                state, values = TrialState.COMPLETE, self._values(record.metrics)
                for name, missed in self._spec.constraints.shortfalls(record.metrics).items():
                    self._running(number).set_constraint(name, missed)
            case "stopped" | "repeated":
                pass
            case "infeasible":
                pass
            case _:
                state = TrialState.FAIL
        for name, excess in self._excess(record, violation).items():
            self._running(number).set_constraint(name, excess)
        end_trial(self._copy, number, state, values=values)

    def _excess(self, record: Record, violation: float | None) -> dict[str, float]:
        """Say how far a slot's students exceed a bound that holds before training; <= 0 if not.

        Previews foresee every such bound but that on latency, which is measured of what is begun.
        There autokd's own sampler learns as much from those that keep it: from refusals alone a
        model would take all points for refused.
        """
        bound = self._spec.constraints.max_latency_s
        is_foreseen = self._is_guided and self._draw is not None and not record.cost
        if record.outcome == "infeasible" and not is_foreseen:
            return {"size": violation or 0.0}
        if self._is_guided and bound and "latency_s" in record.cost:
            return {"size": record.cost["latency_s"] / bound - 1}
        return {}

    @property
    def _is_guided(self) -> bool:
        return self._spec.sampler.name == "autokd"

    def _sampler(self, slot: int, seed: int) -> BaseSampler:
        spec = self._spec
        if not self._is_guided:
            return make_sampler(spec.sampler, seed=seed, rows=self._rows)
        draw = self._draw
        return AutokdSampler(
            seed=seed,
            n_startup_trials=spec.sampler.n_startup,
            reference=reference_point(spec.axes).tolist(),
            space=self._space,
            preview=draw and make_previewer(spec, draw, seed=slot_seed(spec.seed, slot)),
            n_previews=spec.sampler.previews,
            memory=spec.sampler.memory,
            earlier=self._warm.earlier,
            revisits=spec.sampler.revisits,
        )

    def _queued(self, slot: int, queued: Queued) -> Proposal:
        """Propose a queued point.

        A baseline is no point of the search space. autokd's own sampler knows what that means; any
        of Optuna's would take the parameters that all trials have for the search space.
        """
        searched = self._space.distributions
        params = queued.searched(searched)
        known = {name: searched[name] for name in params}
        proposal = Proposal(queued.point, params, known, origin=queued.origin)
        if queued.is_baseline and not self._is_guided:
            return proposal
        self._forget()
        trial = create_trial(state=TrialState.RUNNING, params=params, distributions=known)
        number = self._numbers[slot] = add_trial(self._copy, trial)
        if self._is_guided:
            self._preview(number, queued.point, seed=slot_seed(self._spec.seed, slot))
            return proposal
        sampler = self._sampler(slot, derive_seed(self._spec.seed, "sampler", slot))
        if isinstance(sampler, NSGAIISampler):
            sampler.get_trial_generation(self._copy, self._trial(number))
        return replace(proposal, notes=dict(self._trial(number).system_attrs))

    def _preview(self, number: int, point: Point, *, seed: int) -> None:
        if self._draw is not None:
            preview = preview_queued(self._spec, self._draw, point, seed=seed)
            if preview.is_feasible:
                note_preview(self._running(number), preview)

    def _note(self, record: Record) -> None:
        trial = self._running(self._numbers[record.slot])
        for result in record.rungs:
            note_rung(trial, result.epochs, self._values(result.metrics))

    def _forget(self) -> None:
        """Copy afresh what a model needs once it sees half as much again as it should.

        It happens when a slot is drawn or restored, so a restored copy forgets what one that was
        never interrupted has forgotten.
        """
        limit = self._spec.sampler.memory
        trials = self._copy.get_trials(deepcopy=False)
        if self._spec.sampler.name not in _MODELS or len(trials) < 1.5 * limit:
            return
        kept = remembered([trial for trial in trials if trial.state.is_finished()], limit)
        running = [trial for trial in trials if not trial.state.is_finished()]
        fresh = copied_study(len(self._spec.objectives), [*kept, *running])
        moved = {trial.number: len(kept) + i for i, trial in enumerate(running)}
        self._numbers = {slot: moved[number] for slot, number in self._numbers.items()}
        self._copy, self._rows = fresh, {}

    def _running(self, number: int) -> Trial:
        return Trial(self._copy, self._trial(number)._trial_id)

    def _recall_parents(self, sampler: BaseSampler) -> None:
        """Let a genetic sampler find the parents of its running generation.

        It selects them once a generation, best first, and later reads them from the study in the
        order of their numbers. A restored study has forgotten them, so they are selected again
        here and the sampler then reads them as it would have.
        """
        trials = self._copy.get_trials(deepcopy=False)
        if isinstance(sampler, NSGAIISampler) and trials:
            generation = sampler.get_trial_generation(self._copy, trials[-1])
            sampler.get_parent_population(self._copy, generation)

    def _trial(self, number: int) -> FrozenTrial:
        return self._copy.get_trials(deepcopy=False)[number]

    def _values(self, metrics: Mapping[str, float]) -> Sequence[float]:
        axes = self._spec.axes
        row: Sequence[float] = minimised([[metrics[axis.metric] for axis in axes]], axes)[
            0
        ].tolist()
        return row


def _draw(trial: Trial, dimensions: Sequence[Dimension]) -> dict[str, Value]:
    """Draw every parameter; those of a method once it is known whether the method was drawn."""
    point: dict[str, Value] = {}
    for dimension in dimensions:
        if dimension.methods is None or point[METHOD] in dimension.methods:
            point[dimension.name] = _suggest(trial, dimension.name, dimension.domain)
    return point


def _suggest(trial: Trial, name: str, domain: Domain) -> Value:
    match domain:
        case FixedDomain(value=value):
            return value
        case FloatDomain():
            return trial.suggest_float(name, domain.low, domain.high, log=domain.log)
        case IntDomain():
            return trial.suggest_int(name, domain.low, domain.high, log=domain.log)
        case CategoricalDomain():
            return cast(Value, trial.suggest_categorical(name, domain.choices))


def _is_constraint(key: str) -> bool:
    return key.startswith("constraints")  # Optuna keeps violations among a trial's attributes
