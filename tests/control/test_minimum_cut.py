"""Smallest cuts: NetworkX's."""

from __future__ import annotations

import random
from typing import Any

import networkx as nx
import pytest

from irgrad.autodiff.minimum_cut import far_side


def test_cuts_are_those_of_networkx() -> None:
    rng = random.Random(0)
    for _ in range(60):
        places = ["s", *range(rng.randint(1, 9)), "t"]
        pairs = {(rng.choice(places[:-1]), rng.choice(places[1:])) for _ in range(25)}
        edges = [(a, b, rng.choice([None, 1, 2, 3, 8])) for a, b in sorted(pairs, key=str)]
        edges += [("s", 0, 9), (0, "t", 5)]
        network: Any = nx.DiGraph()
        for a, b, size in edges:
            network.add_edge(a, b, **({} if size is None else {"capacity": size}))
        edges = [(a, b, d.get("capacity")) for a, b, d in network.edges(data=True)]
        try:
            _, (_, far) = nx.minimum_cut(network, "s", "t")
        except nx.NetworkXUnbounded:
            with pytest.raises(ValueError, match="cannot be cut"):
                far_side(edges, "s", "t")
            continue
        assert far_side(edges, "s", "t") == far
