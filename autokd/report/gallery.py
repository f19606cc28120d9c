"""The students of a front side by side, each drawn with its size and top1."""

from autokd.report.drawing import describe, draw, legend
from autokd.report.gathered import Gathered
from autokd.report.rounding import exact, short

__all__ = ["DRAWING_LIMIT", "chosen_trials", "gallery"]

DRAWING_LIMIT = 12
"""Students of a front that are drawn at most, so that a page can be looked through."""


def chosen_trials(run: Gathered) -> list[int]:
    """Choose the students of the front that are drawn.

    Args:
        run: The run.

    Returns:
        Trials, smallest student first: all of a short front, else `DRAWING_LIMIT` spread evenly
        over it, both ends and the knee among them.
    """
    slots = [int(slot) for slot in run.front["trial"]]
    if len(slots) <= DRAWING_LIMIT:
        return slots
    step = (len(slots) - 1) / (DRAWING_LIMIT - 1)
    places = [round(position * step) for position in range(DRAWING_LIMIT)]
    knee = slots.index(run.knee) if run.knee is not None else 0
    if knee not in places:
        nearest = min(range(1, DRAWING_LIMIT - 1), key=lambda at: abs(places[at] - knee))
        places[nearest] = knee
    return [slots[place] for place in places]


def gallery(run: Gathered, *, is_linked: bool) -> str:
    """Draw the chosen students, with a legend.

    Args:
        run: The run; its front is not empty.
        is_linked: Whether each drawing gets the anchor ``trial-N``; a page has it only once.

    Returns:
        HTML.
    """
    slots = chosen_trials(run)
    graphs = [run.graphs[slot] for slot in slots]
    widest = max(node.channels for graph in graphs for node in graph.nodes)
    n_stages = max(len({node.stride for node in graph.nodes}) for graph in graphs)
    figures = "".join(_drawing(run, slot, widest=widest, is_linked=is_linked) for slot in slots)
    keys = f'{legend(n_stages)}<span class="key">larger: more channels</span>'
    return f'<p>{keys}</p><div class="drawings">{figures}</div>'


def _drawing(run: Gathered, slot: int, *, widest: int, is_linked: bool) -> str:
    row = run.front[run.front["trial"] == slot].iloc[0]
    graph = run.graphs[slot]
    anchor = f' id="trial-{slot}"' if is_linked else ""
    knee = ", the knee" if slot == run.knee else ""
    facts = f"{short(row['params'])} params, top1 {exact('top1', row['top1'])}"
    return (
        f"<figure{anchor}>{draw(graph, widest=widest)}"
        f"<figcaption><strong>trial {slot}</strong>{knee}: {facts}<br>"
        f'<span class="soft">{describe(graph)}</span></figcaption></figure>'
    )
