"""The page of a diagnosis: each quantity with a figure, a table, and what it can tell."""

from collections.abc import Iterator

import autokd
from autokd.diagnose.angles import Angles
from autokd.diagnose.figures import (
    SHOWN_CLASSES,
    agreement_figure,
    angles_figure,
    margins_figure,
    tail_figure,
    transfer_figure,
)
from autokd.diagnose.geometry import Separation
from autokd.diagnose.meaning import AGREEMENT, ANGLES, SEPARATION, TRANSFER
from autokd.diagnose.result import Diagnosis
from autokd.diagnose.tables import (
    agreement_table,
    angles_line,
    separation_line,
    separation_table,
    transfer_table,
)
from autokd.diagnose.transfer import Transfer
from autokd.pages import Panel, Section, Table, document

__all__ = ["page"]


def page(diagnosis: Diagnosis) -> str:
    """Write the page.

    Args:
        diagnosis: The diagnosis.

    Returns:
        A whole HTML document.
    """
    return document(
        title=f"Diagnosis: {diagnosis.title}",
        lead=_lead(diagnosis),
        counts=_counts(diagnosis),
        sections=list(_sections(diagnosis)),
        footer=f"autokd {autokd.__version__}",
    )


def _lead(diagnosis: Diagnosis) -> str:
    return (
        f"Trial {diagnosis.trial} of {diagnosis.run} and its teacher {diagnosis.teacher['name']}, "
        f"on {diagnosis.n_validation:,} validation images. After Phuong and Lampert 2019 "
        "(arXiv:2105.13093), whose theory is about linear networks; these are not."
    )


def _counts(diagnosis: Diagnosis) -> str:
    parts = [
        f"{diagnosis.n_train:,} training images",
        f"teacher top1 {diagnosis.teacher['top1']:.4f}",
        f"method {diagnosis.point['kd.method']}",
        f"trained on {diagnosis.device}",
    ]
    if diagnosis.teacher["saw_validation"]:
        parts.append("the teacher was trained on the validation images: its features flatter it")
    return " · ".join(parts)


def _sections(diagnosis: Diagnosis) -> Iterator[Section]:
    if diagnosis.transfer:
        yield Section("Strong monotonicity: risk and number of images", _grown(diagnosis.transfer))
    if diagnosis.separation:
        panels = _separated(diagnosis.separation, diagnosis.class_names)
        yield Section("Data geometry: separation of the classes", panels)
    if diagnosis.angles:
        yield Section("Angle to the teacher's decision", _decided(diagnosis.angles))


def _grown(transfer: Transfer) -> tuple[Panel, ...]:
    how = (
        f"Seeds: {transfer.n_seeds}, each with its own weights and its own nested, stratified "
        "parts of the training images. All trainings have as many steps as the trial's "
        f"{transfer.epochs} epochs on all images: a smaller part is shown again. 'fell' compares "
        "with the row above: the mean, and in how many seeds. "
        "'differs': how often the first method's students and the teacher disagree."
    )
    return (
        Panel("Risk over images", transfer_figure(transfer), TRANSFER.text, 5),
        Panel("In numbers", _scroll(transfer_table(transfer)), how, 7),
    )


def _separated(separation: Separation, class_names: tuple[str, ...]) -> tuple[Panel, ...]:
    how = (
        f"{separation_line(separation, class_names)}. Margin of an image: (b - a) / (b + a) with "
        "the distance a to its own centre, without the image itself, and b to the nearest other."
    )
    some = f" The {SHOWN_CLASSES} smallest." if len(class_names) > SHOWN_CLASSES else ""
    figure = margins_figure(separation, class_names)
    return (
        Panel("Margin by class", figure, f"{SEPARATION.text}{some}", 6),
        Panel("By class", _scroll(separation_table(separation, class_names)), how, 6),
    )


def _decided(angles: Angles) -> tuple[Panel, ...]:
    normal = (
        "p(theta) of Phuong and Lampert: a curve that is low before 90 degrees has few images "
        "close to the decision. Their bound is not computed: it is loose even where it applies."
    )
    panels = (
        Panel("Angles", angles_figure(angles), f"{angles_line(angles)}. {ANGLES.text}", 6),
        Panel("Angles to the decision's normal", tail_figure(angles), normal, 6),
    )
    if not angles.bins:
        return panels
    note = f"{AGREEMENT.text} Students of the largest share."
    return (
        *panels,
        Panel("Agreement by angle", agreement_figure(angles), note, 6),
        Panel("In numbers", _scroll(agreement_table(angles)), "Bins of as many images.", 6),
    )


def _scroll(table: Table) -> str:
    return f'<div class="scroll" tabindex="0">{table.to_html()}</div>'
