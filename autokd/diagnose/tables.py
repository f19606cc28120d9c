"""The tables of a diagnosis, for a terminal and for the page."""

from math import isfinite

from autokd.diagnose.angles import CLOSE_DEGREES, Angles
from autokd.diagnose.geometry import Separation
from autokd.diagnose.result import Diagnosis
from autokd.diagnose.transfer import Curve, Fall, Transfer, mean_and_std
from autokd.pages import Table

__all__ = [
    "agreement_table",
    "angles_line",
    "curve_title",
    "separation_line",
    "separation_table",
    "terminal_text",
    "transfer_table",
]

_MISSING = "\N{EN DASH}"


def terminal_text(diagnosis: Diagnosis) -> str:
    """Tell a diagnosis on a terminal.

    Args:
        diagnosis: The diagnosis.

    Returns:
        A short table or a line for each part.
    """
    parts = [f"trial {diagnosis.trial} of {diagnosis.run}, {diagnosis.n_validation:,} images"]
    if diagnosis.transfer:
        parts.append(transfer_table(diagnosis.transfer).to_text())
    if diagnosis.separation:
        parts.append(separation_line(diagnosis.separation, diagnosis.class_names))
    if diagnosis.angles:
        parts.append(angles_line(diagnosis.angles))
        if diagnosis.angles.bins:
            parts.append(agreement_table(diagnosis.angles).to_text())
    return "\n\n".join(parts)


def curve_title(curve: Curve) -> str:
    """Name a way of training.

    Args:
        curve: Its curve.

    Returns:
        ``dkd``, or ``hard labels`` for `none`.
    """
    return "hard labels" if curve.method == "none" else curve.method


def transfer_table(transfer: Transfer) -> Table:
    """Tabulate risk over shares.

    Args:
        transfer: The curves.

    Returns:
        A row for each share: images, then for each curve mean and spread of the risk and in how
        many seeds it fell from the row above; last how often the first curve's students differ
        from the teacher.
    """
    columns = {
        "share": [f"{share.fraction:.3g}" for share in transfer.curves[0].shares],
        "images": [f"{share.n_images:,}" for share in transfer.curves[0].shares],
    }
    for curve in transfer.curves:
        name = curve_title(curve)
        columns[f"risk, {name}"] = [_spread(share.risks) for share in curve.shares]
        columns[f"fell, {name}"] = [_MISSING, *map(_fall, curve.falls())]
    main = transfer.curves[0]
    columns["differs"] = [_spread(share.disagreements) for share in main.shares]
    return Table(tuple(columns), tuple(zip(*columns.values(), strict=True)))


def separation_line(separation: Separation, class_names: tuple[str, ...]) -> str:
    """Tell how far apart the classes are.

    Args:
        separation: The separation.
        class_names: Names by class index.

    Returns:
        The number, and the class that is separated least.
    """
    line = (
        f"Classes: scatter between over within {_number(separation.ratio)}, mean margin "
        f"{_number(separation.margin)} in {separation.n_features:,} features"
    )
    known = [each for each in separation.classes if isfinite(each.margin)]
    if not known:
        return line
    least = min(known, key=lambda each: each.margin)
    names = f"{class_names[least.label]!r} (nearest: {class_names[least.nearest]!r})"
    return f"{line}; least separated: {names}, {least.margin:.3f}"


def separation_table(separation: Separation, class_names: tuple[str, ...]) -> Table:
    """Tabulate the classes.

    Args:
        separation: The separation.
        class_names: Names by class index.

    Returns:
        A row a class, the one with the smallest margin first, classes without one last.
    """
    order = sorted(
        separation.classes,
        key=lambda each: each.margin if isfinite(each.margin) else 2.0,  # above every margin
    )
    rows = tuple(
        (
            class_names[each.label],
            f"{each.n_images:,}",
            _number(each.margin),
            _number(each.is_own),
            f"{each.spread:.3g}",
            class_names[each.nearest],
            f"{each.distance:.3g}",
        )
        for each in order
    )
    headings = (
        "class",
        "images",
        "margin",
        "nearest to own centre",
        "spread",
        "nearest class",
        "distance",
    )
    return Table(headings, rows)


def angles_line(angles: Angles) -> str:
    """Tell how narrowly the teacher decides.

    Args:
        angles: The angles.

    Returns:
        Median, and what share is close.
    """
    return (
        f"Angle to the teacher's decision: median {angles.median:.1f} degrees, "
        f"{angles.is_close:.1%} of the images below {CLOSE_DEGREES:g} degrees"
    )


def agreement_table(angles: Angles) -> Table:
    """Tabulate where students say what the teacher says.

    Args:
        angles: The angles, with bins.

    Returns:
        A row a bin, smallest angles first.
    """
    rows = tuple(
        (f"{each.low:.1f} to {each.high:.1f}", f"{each.n_images:,}", _spread(each.agreements))
        for each in angles.bins
    )
    return Table(("degrees", "images", "agreement"), rows)


def _spread(values: tuple[float, ...]) -> str:
    mean, std = mean_and_std(values)
    return f"{mean:.4f}" if std is None else f"{mean:.4f} ± {std:.4f}"


def _fall(fall: Fall) -> str:
    return f"{'yes' if fall.fell else 'no'}, {fall.n_fell} of {fall.n_seeds}"


def _number(value: float) -> str:
    return f"{value:.3f}" if isfinite(value) else _MISSING
