"""The pipeline."""
from irgrad.ir.graph import Graph
def optimise(graph: Graph) -> Graph:
    return graph
