"""RandWire's flat graphs: one random graph of op nodes per stage, each reading the one before.

Left out: the original's first stage without random wiring and its strided nodes; here pooling at
the entrance of a stage reduces the resolution, as in every family.

Source: Xie et al. 2019, arXiv:1904.01569, section 3.
"""

from collections.abc import Mapping

from autokd.graphs.budget import fit
from autokd.graphs.draft import N_STAGES, Draft
from autokd.graphs.ir import ArchGraph, InputShape
from autokd.graphs.random_dags import Dag, barabasi_albert, erdos_renyi, watts_strogatz
from autokd.graphs.settings import OP, PARAMS_BUDGET, Settings
from autokd.parameters import Parameter, Value
from autokd.seeds import derive_seed

__all__ = ["PARAMETERS", "flat"]

PARAMETERS: tuple[Parameter, ...] = (
    PARAMS_BUDGET,
    OP,
    Parameter(
        "graph",
        "categorical",
        "ws",
        "random graph: Erdos-Renyi, Barabasi-Albert or Watts-Strogatz",
        choices=("er", "ba", "ws"),
    ),
    Parameter("nodes", "int", 10, "op nodes of a stage", low=1, high=100),
    Parameter("neighbours", "int", 4, "ws: neighbours on the ring, even", low=2, high=20),
    Parameter("rewiring", "float", 0.75, "ws: probability that an edge is rewired", low=0, high=1),
    Parameter("edges", "float", 0.2, "er: probability of an edge", low=0, high=1),
    Parameter("attachments", "int", 5, "ba: edges of each new node", low=1, high=20),
)


def flat(parameters: Mapping[str, Value], *, seed: int, shape: InputShape) -> ArchGraph:
    """Draw one student of the family.

    Args:
        parameters: Values of `PARAMETERS` by name; those of the other random graphs are ignored.
        seed: Decides the graph of every stage.
        shape: What the student reads and answers.

    Returns:
        The student; equal arguments give an equal one.

    Raises:
        DefinitionError: If a parameter is unknown, missing or illegal.
        StudentTooSmall: If the legal total nearest to the budget is too far below it.
        StudentTooLarge: If the legal total nearest to the budget is too far above it.
    """
    settings = Settings(parameters, PARAMETERS)
    draft = Draft(shape, settings.choice("op"))
    dags = [_draw(settings, derive_seed(seed, "stage", stage)) for stage in range(N_STAGES)]
    output = 0
    for stage, dag in enumerate(dags):
        output = draft.wire_ops(dag, (output,), stage=stage)
    if settings.choice("graph") == "ws":
        nodes, neighbours = settings.integer("nodes"), settings.integer("neighbours")
        draft.note_ring("neighbours", nodes=nodes, neighbours=neighbours)
    draft.note_repairs("stage", [dag.added_edges for dag in dags])
    return fit(draft, settings.number("params_budget"), shape=shape)


def _draw(settings: Settings, seed: int) -> Dag:
    nodes = settings.integer("nodes")
    match settings.choice("graph"):
        case "er":
            return erdos_renyi(nodes, edge_probability=settings.number("edges"), seed=seed)
        case "ba":
            return barabasi_albert(nodes, attachments=settings.integer("attachments"), seed=seed)
        case _:
            return watts_strogatz(
                nodes,
                neighbours=settings.integer("neighbours"),
                rewiring=settings.number("rewiring"),
                seed=seed,
            )
