"""Pytrees: nested tuples, lists, dicts and registered nodes; None is a leaf, but for solvers.

This is the one place that knows optree.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

import optree

from irgrad.errors import with_article

_tree: Any = optree  # optree's annotations describe trees of one leaf type; ours hold anything

_ORDERED = "irgrad.ordered"
"""A namespace without classes of its own, in which optree leaves the keys of dicts as they are."""
_FOR_GOOD = _tree.dict_insertion_ordered(True, namespace=_ORDERED)
_FOR_GOOD.__enter__()  # left when it is collected, so a name keeps it

_ADDRESS = re.compile(r" at 0x[0-9a-f]+")


def flatten(tree: Any, whole: Callable[[Any], bool] | None = None) -> tuple[list[Any], Any]:
    """The leaves in order, and the structure; what is `whole` is a leaf.

    >>> flatten({"a": (1, None)})[0]
    [1, None]
    """
    return _tree.tree_flatten(tree, whole, none_is_leaf=True)


def flatten_arrays(tree: Any) -> tuple[list[Any], Any]:
    """The leaves in order, and the structure, in which None is no leaf but part.

    >>> flatten_arrays({"a": (1, None)})[0]
    [1]
    """
    return _tree.tree_flatten(tree, none_is_leaf=False)


def written(tree: Any) -> str:
    """How the structure is written: unlike the structure itself, dicts of another order, or with
    True for 1 among their keys, differ.

    >>> written({"b": 0, True: 1})
    "{'b': *, True: *}"
    """
    text = str(_tree.tree_structure(tree, none_is_leaf=True, namespace=_ORDERED))
    text = text.removeprefix("PyTreeSpec(").rpartition(", NoneIsLeaf")[0]
    return _ADDRESS.sub("", text) if " at 0x" in text else text


def flatten_with_paths(tree: Any) -> tuple[list[tuple[Any, ...]], list[Any], Any]:
    """The path to each leaf, the leaves, and the structure."""
    return _tree.tree_flatten_with_path(tree, none_is_leaf=True)


def unflatten(structure: Any, leaves: Iterable[Any]) -> Any:
    """The tree of that structure with `leaves` in it."""
    return _tree.tree_unflatten(structure, leaves)


def leaves_of(tree: Any) -> list[Any]:
    """The leaves in order."""
    return _tree.tree_leaves(tree, none_is_leaf=True)


def map_leaves(function: Callable[[Any], Any], tree: Any) -> Any:
    """The tree with `function` applied to each leaf."""
    return _tree.tree_map(function, tree, none_is_leaf=True)


def prefix_leaves(prefix: Any, structure: Any) -> list[Any]:
    """For each leaf of a structure, the leaf of `prefix` above it; a ValueError where `prefix` does
    not begin like the structure.

    >>> prefix_leaves((0, None), flatten(([1, 2], {"a": 3}))[1])
    [0, 0, None]
    """
    tree = unflatten(structure, range(structure.num_leaves))
    return _tree.broadcast_prefix(prefix, tree, none_is_leaf=True)


def paths_of(structure: Any) -> list[tuple[Any, ...]]:
    """The path to each leaf of a structure."""
    return _tree.treespec_paths(structure)


def written_path(structure: Any, leaf: int, root: str, skip: int = 0) -> str:
    """How Python writes the leaf at a position, from `root` on, its first `skip` steps left out.

    >>> written_path(flatten({"a": [1, 2]})[1], 1, "p")
    "p['a'][1]"
    """
    return _tree.treespec_accessors(structure)[leaf][skip:].codify(root)


def how_to_register(name: str) -> str:
    """How a class becomes a pytree node for irgrad."""
    return (
        f"register the class with optree, in its global namespace: optree.register_pytree_node("
        f"{name}, flatten, unflatten, namespace=optree.registry.__GLOBAL_NAMESPACE)"
    )


def difference(given: Any, expected: Any, root: str) -> str:
    """Where one structure first differs from another, in words; `root` stands for the whole.

    >>> difference(flatten({"a": (1, 2)})[1], flatten({"a": (1,)})[1], "p")
    "p['a'] is a tuple of 2, expected a tuple of 1"
    """
    path, pairs = root, [("", given, expected)]
    while pairs:
        step, given, expected = next((pair for pair in pairs if pair[1] != pair[2]), pairs[0])
        path += step
        if _node(given) != _node(expected):
            break
        entries = [f"[{entry!r}]" for entry in given.entries()]
        pairs = list(zip(entries, given.children(), expected.children(), strict=True))
    return f"{path} is {_drawn(given)}, expected {_drawn(expected)}"


def _node(structure: Any) -> Any:
    return structure.type, structure.num_children, structure.entries()


def _drawn(structure: Any) -> str:
    """The outermost node of a structure, in words."""
    if structure.is_leaf():
        return "a single value"
    if structure.type is dict:
        return f"a dict of {', '.join(map(repr, structure.entries())) or 'nothing'}"
    return f"{with_article(structure.type.__name__)} of {structure.num_children}"


LEAF = flatten(0)[1]
"""The structure of a single leaf."""


def subtrees(structure: Any, tree: Any) -> list[Any]:
    """What stands in `tree` at the leaves of `structure`; a ValueError where it has another one."""
    return structure.flatten_up_to(tree)


def register(kind: type, flattened: Any, unflattened: Any) -> None:
    """Make a class of irgrad's own a pytree node."""
    namespace = _tree.registry.__GLOBAL_NAMESPACE
    _tree.register_pytree_node(kind, flattened, unflattened, namespace=namespace)


def holds(tree: Any, kind: type) -> bool:
    """Whether there is a node of a class in a tree."""
    found = _tree.tree_leaves(tree, is_leaf=lambda x: isinstance(x, kind), none_is_leaf=True)
    return any(isinstance(x, kind) for x in found)
