"""The students of a front side by side, each drawn with its size and top1."""

from autokd.report.drawing import describe, draw, legend
from autokd.report.gathered import Gathered
from autokd.report.layout import depths
from autokd.report.rounding import exact, short

__all__ = ["DRAWING_LIMIT", "NODE_LIMIT", "chosen_trials", "gallery"]

DRAWING_LIMIT = 12
"""Students of a front that are drawn at most, so that a page can be looked through."""

NODE_LIMIT = 4000
"""Nodes that a page draws at most, all runs together, so that it stays small."""

_FEWEST = 3
_WIDE_DEPTH = 45
"""Depth from which a drawing takes the whole width of the page."""


def chosen_trials(run: Gathered, *, n_runs: int = 1) -> list[int]:
    """Choose the students of the front that are drawn.

    Args:
        run: The run.
        n_runs: Runs that share the page, >= 1.

    Returns:
        Trials, smallest student first: all of a short front of small graphs, else as many as the
        limits allow, but three at least, spread evenly over it, both ends and the knee among them.
        How large graphs are is judged by those that the limit on drawings would choose.
    """
    slots = [int(slot) for slot in run.front["trial"]]
    knee = slots.index(run.knee) if run.knee is not None else 0
    chosen = _spread(slots, DRAWING_LIMIT, knee)
    n_nodes = sum(len(run.graphs[slot].nodes) for slot in chosen)
    limit = NODE_LIMIT // n_runs * len(chosen) // max(n_nodes, 1)
    return _spread(slots, max(min(limit, DRAWING_LIMIT), _FEWEST), knee)


def gallery(run: Gathered, *, n_runs: int = 1) -> str:
    """Draw the chosen students, with a legend.

    Args:
        run: The run; its front is not empty.
        n_runs: Runs that share the page, >= 1; on a page of one run a drawing has the anchor
            ``trial-N``.

    Returns:
        HTML.
    """
    slots = chosen_trials(run, n_runs=n_runs)
    graphs = [run.graphs[slot] for slot in slots]
    widest = max(node.channels for graph in graphs for node in graph.nodes)
    n_stages = max(len({node.stride for node in graph.nodes}) for graph in graphs)
    figures = "".join(_drawing(run, slot, widest=widest, is_linked=n_runs == 1) for slot in slots)
    keys = f'{legend(n_stages)}<span class="key">larger: more channels</span>'
    return f'<p>{keys}</p><div class="drawings">{figures}</div>'


def _spread(slots: list[int], n_drawn: int, knee: int) -> list[int]:
    """Take so many evenly, both ends and the place of the knee among them."""
    if len(slots) <= n_drawn:
        return slots
    step = (len(slots) - 1) / (n_drawn - 1)
    places = [round(position * step) for position in range(n_drawn)]
    if knee not in places:
        nearest = min(range(1, n_drawn - 1), key=lambda at: abs(places[at] - knee))
        places[nearest] = knee
    return [slots[place] for place in places]


def _drawing(run: Gathered, slot: int, *, widest: int, is_linked: bool) -> str:
    row = run.front[run.front["trial"] == slot].iloc[0]
    graph = run.graphs[slot]
    anchor = f' id="trial-{slot}"' if is_linked else ""
    kind = "wide" if max(depths(graph)) > _WIDE_DEPTH else "narrow"
    knee = f", the {run.choice}" if slot == run.knee else ""
    facts = f"{short(row['params'])} params, top1 {exact('top1', row['top1'])}"
    return (
        f'<figure class="{kind}"{anchor}>{draw(graph, widest=widest)}'
        f"<figcaption><strong>trial {slot}</strong>{knee}: {facts}<br>"
        f'<span class="soft">{describe(graph)}</span></figcaption></figure>'
    )
