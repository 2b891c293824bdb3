"""Sparse Jacobians and Hessians as `scipy.sparse` matrices.

What takes time is done once for each signature: the function is lowered, the pattern read off its
graph, columns or rows are coloured, and one program is compiled that computes all entries. Integer
and bool arrays that decide the pattern (what a gather picks) are compared at each call; other ones
make another program."""

from __future__ import annotations

import functools
import threading
import warnings
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sp

from irgrad.autodiff.compressed import MODES, Compression, compressed, compression
from irgrad.autodiff.sparsity import dependence
from irgrad.errors import ArgumentError, DTypeError, OptionError, TraceError
from irgrad.frontend.entry import about_call
from irgrad.frontend.keywords import keywords
from irgrad.frontend.lower import Lowered, Signature, signature_of
from irgrad.frontend.pytree import LEAF
from irgrad.frontend.site import call_site, defined_at
from irgrad.inspect.pattern import pattern_svg, pattern_text
from irgrad.ir.graph import Graph, Value
from irgrad.ir.op import Array
from irgrad.passes.pipeline import KEEPING_CALLS, optimise
from irgrad.runtime.backend import default_backend
from irgrad.runtime.program import Program, flat_key
from irgrad.runtime.remember import kept
from irgrad.runtime.rule_arrays import with_rule_arrays
from irgrad.runtime.selection import Arguments
from irgrad.runtime.target import has_traced, lower_target
from irgrad.runtime.transforms import OF_JAX, Argnums, Gradient, checked_argnums, differentiable


class DenseWarning(UserWarning):
    """A Jacobian or Hessian asked for as a sparse one has hardly fewer colours than a dense one has
    columns: it is right, and computed like a dense one.
    """


class Sparsity:
    """The pattern of a Jacobian or Hessian, and how its entries are computed.

    `matrix` is a boolean `scipy.sparse.csr_array`; `colours` gives each column (`mode` "forward")
    or row ("reverse") a colour, `number` is how many there are: so many directional derivatives
    make all entries. Printed, it is a picture; a notebook shows it as SVG.

    >>> pattern = sparse_jacobian(lambda x: x[1:] * x[:-1]).sparsity(np.ones(8))
    >>> pattern.shape, pattern.nnz, pattern.number, pattern.is_dense
    ((7, 8), 14, 2, False)
    >>> pattern.to_svg().startswith("<svg")
    True
    """

    def __init__(self, matrix: Any, how: Compression, symmetric: bool) -> None:
        self.matrix = matrix
        self.mode = how.mode
        self.colours = how.colouring.colours
        self.number = how.colouring.number
        self.symmetric = symmetric

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.matrix.shape

    @property
    def nnz(self) -> int:
        """The number of entries that may differ from zero."""
        return int(self.matrix.nnz)

    @property
    def is_dense(self) -> bool:
        """Whether the colouring saves less than half of the work of the dense way."""
        return 2 * self.number > min(self.shape)

    def to_svg(self) -> str:
        """A picture, each column (or row) in the hue of its colour."""
        return pattern_svg(self.matrix, self.colours, by_row=self.mode == "reverse")

    _repr_svg_ = to_svg

    def __repr__(self) -> str:
        side = "rows" if self.mode == "reverse" else "columns"
        return (
            f"<Sparsity {self.shape[0]} x {self.shape[1]}, {self.nnz} entries, "
            f"{self.number} colours of {side}>"
        )

    def __str__(self) -> str:
        return f"{self!r}\n{pattern_text(self.matrix)}"


class Prepared(NamedTuple):
    """A program for the entries, the arrays that decided its pattern (the position among the inputs
    of the graph, and the array as it was), and the pattern.
    """

    program: Program
    decided_by: tuple[tuple[int, Array], ...]
    lowered: Lowered
    sparsity: Sparsity

    def holds(self, leaves: Sequence[Any]) -> bool:
        """Whether the pattern is right for these arguments."""
        return self.lowered.holds and all(
            np.array_equal(_input(self.lowered, leaves, k), array) for k, array in self.decided_by
        )

    def __call__(self, leaves: Sequence[Any]) -> Any:
        """The matrix."""
        matrix = self.sparsity.matrix
        parts = (self.program(leaves), matrix.indices.copy(), matrix.indptr.copy())
        return sp.csr_array(parts, shape=matrix.shape)


def _input(lowered: Lowered, leaves: Sequence[Any], position: int) -> Array:
    """The array at an input of the graph: an argument, or one that the function closes over."""
    arguments = len(lowered.graph.inputs) - lowered.graph.captured
    return np.asarray(
        leaves[position] if position < arguments else lowered.captured[position - arguments]
    )


class SparseDerivative:
    """What `sparse_jacobian` and `sparse_hessian` return: args -> csr_array.

    >>> J = sparse_jacobian(lambda x: x[1:] * x[:-1])
    >>> J(np.array([1.0, 2.0, 3.0])).toarray()
    array([[2., 1., 0.],
           [0., 3., 2.]])
    >>> J.sparsity(np.ones(3)).nnz, len(J.graph(np.ones(3))) > 1
    (4, True)
    >>> print(J.dump(np.ones(3)))
    graph ...
    """

    def __init__(
        self, function: Callable[..., Any], argnums: Argnums, mode: str | None, symmetric: bool
    ) -> None:
        self.function = function
        self.argnums = argnums
        self.mode = mode
        self.symmetric = symmetric
        slope = Gradient(function, argnums, False, False, False, "sparse_hessian")
        self._target = slope if symmetric else function
        what = ("sparse", symmetric, argnums, mode)
        self._programs: dict[Any, list[Prepared]] = kept(function, dict, repr(what))
        self._lock = threading.RLock()
        functools.update_wrapper(self, function, updated=())

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """The matrix at these arguments, as a `csr_array` with the entries of the pattern."""
        prepared, leaves = self._prepared(args, kwargs)
        return prepared(leaves)

    def sparsity(self, *args: Any, quietly: bool = False, **kwargs: Any) -> Sparsity:
        """The pattern and its colouring, which the first call computes; `quietly` without a warning
        for a dense one.
        """
        with warnings.catch_warnings():
            if quietly:
                warnings.simplefilter("ignore", DenseWarning)
            return self._prepared(args, kwargs)[0].sparsity

    def graph(self, *args: Any, **kwargs: Any) -> Graph:
        """The optimised graph of the one program that computes all entries."""
        return self._prepared(args, kwargs)[0].program.graph

    def dump(self, *args: Any, **kwargs: Any) -> str:
        """The text of `graph`."""
        return str(self.graph(*args, **kwargs))

    @about_call
    def _prepared(
        self, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[Prepared, Sequence[Any]]:
        backend = default_backend()
        key: Any = None if kwargs else flat_key(backend, args)
        leaves: Sequence[Any] = args
        signature: Signature | None = None
        if key is None or key not in self._programs:
            signature, leaves = signature_of(args, kwargs, self.function)
            if has_traced(leaves):
                raise TraceError(
                    "a sparse matrix of traced values",
                    hint="call it outside the traced function: scipy.sparse holds numbers only",
                )
            key = key or (backend, signature)
        for prepared in self._programs.get(key, ()):
            if prepared.holds(leaves):
                return prepared, leaves
        with self._lock:
            signature = signature or signature_of(args, kwargs, self.function)[0]
            prepared = self._prepare(signature, leaves, backend)
            self._programs.setdefault(key, []).append(prepared)
        return prepared, leaves

    def _prepare(self, signature: Signature, leaves: Sequence[Any], backend: str) -> Prepared:
        prepared, guards = with_rule_arrays(lambda: self._made(signature, leaves, backend))
        sparsity, lowered = prepared.sparsity, prepared.lowered
        if sparsity.is_dense and min(sparsity.shape) >= 64:
            warnings.warn(f"{self._name}: {_dense(sparsity)}", DenseWarning, stacklevel=4)
        return prepared._replace(lowered=lowered._replace(guards=(*lowered.guards, *guards)))

    def _made(self, signature: Signature, leaves: Sequence[Any], backend: str) -> Prepared:
        lowered, wrt = self._lowered(signature)
        graph = lowered.graph
        arrays = {value: _input(lowered, leaves, k) for k, value in enumerate(graph.inputs)}
        found = dependence(graph, wrt, arrays)
        pattern = _symmetrised(found.pattern) if self.symmetric else found.pattern
        how = compression(pattern, self.mode, self.symmetric)
        sparsity = Sparsity(pattern, how, self.symmetric)
        entries = lowered._replace(
            graph=compressed(graph, wrt, how),
            captured=(*lowered.captured, how.colouring.colours, how.places),
            result_tree=LEAF,
            statics=(None,),
        )
        program = Program(entries, backend)
        decided = tuple(
            (k, np.array(arrays[value]))
            for k, value in enumerate(graph.inputs)
            if value in found.decided_by
        )
        return Prepared(program, decided, lowered, sparsity)

    def _lowered(self, signature: Signature) -> tuple[Lowered, list[Value]]:
        """The optimised graph of the function (of its gradient for a Hessian), and the inputs to
        differentiate to.
        """
        arguments = Arguments(signature, self.function, self._operator)
        argnums = self.argnums if isinstance(self.argnums, tuple) else (self.argnums,)
        for argnum in argnums:
            arguments.check(argnum, False)
        lowered = lower_target(self._target, signature)
        lowered = lowered._replace(graph=optimise(lowered.graph, KEEPING_CALLS))
        wrt = [value for argnum in argnums for value in arguments.select(argnum, lowered).values]
        arguments.check_distinct(wrt)
        self._check_arrays(wrt, lowered.graph.outputs)
        return lowered, wrt

    @about_call
    def _check_arrays(self, wrt: Sequence[Value], outputs: Sequence[Value]) -> None:
        """Raise where there is nothing to differentiate, or no real float."""
        if not wrt:
            raise ArgumentError(f"{self._operator}: argnums choose no array")
        if not outputs:
            raise ArgumentError(
                f"{self._operator}: {self._name} returns no array",
                location=defined_at(self.function),
                hint="is a return missing?",
            )
        for value in (*wrt, *outputs):
            if value.type.dtype.kind == "c":
                raise DTypeError(
                    f"{self._operator}: {self._name} has complex numbers ({value.type}), which are "
                    "not supported",
                    hint="take real and imaginary parts",
                )
        for value in outputs:
            if value.type.dtype.kind != "f":
                raise DTypeError(
                    f"{self._operator} needs float results, {self._name} returns {value.type}",
                    location=value.node.location,
                    hint="convert with .astype(np.float64), or return the floats alone",
                )

    @property
    def _operator(self) -> str:
        return "sparse_hessian" if self.symmetric else "sparse_jacobian"

    @property
    def _name(self) -> str:
        return getattr(self.function, "__name__", "the function")

    def __repr__(self) -> str:
        return f"<sparse {'Hessian' if self.symmetric else 'Jacobian'} of {self._name}>"


def _symmetrised(pattern: Any) -> Any:
    """The pattern with its mirror image and its diagonal."""
    diagonal = sp.eye_array(pattern.shape[0], dtype=bool, format="csr")
    both = sp.csr_array(pattern + pattern.T + diagonal)
    both.sort_indices()
    return both


def _dense(sparsity: Sparsity) -> str:
    return (
        f"the pattern {sparsity!r} is nearly dense; it is computed as a dense matrix would be. "
        f"irgrad.{'hessian' if sparsity.symmetric else 'jacobian'} gives that without indices"
    )


_KEYWORDS = {
    **OF_JAX,
    "has_aux": "let f return the arrays alone",
    "holomorphic": "take real and imaginary parts",
}


@keywords(**_KEYWORDS)
def sparse_jacobian(f: Any, argnums: Argnums = 0, *, mode: str | None = None) -> SparseDerivative:
    """The Jacobian function of `f` as a sparse matrix: args -> `scipy.sparse.csr_array`.

    A row for each element of the result (all leaves flattened, one after the other), a column for
    each element of the arguments that `argnums` names. The pattern is read off the graph: it holds
    for all values of float arguments, entries that happen to be zero included. Columns that meet in
    no row are evaluated together, in one compiled call; `mode` "forward" colours columns, "reverse"
    rows, and None takes the side with fewer colours.

    `J.sparsity(*args)` shows pattern and colouring. A pattern that is nearly dense is computed as
    the dense matrix would be, with a `DenseWarning`.

    >>> import numpy as np
    >>> def f(x):
    ...     return x[1:] * x[:-1]
    >>> J = sparse_jacobian(f)
    >>> J(np.array([1.0, 2.0, 3.0])).toarray()
    array([[2., 1., 0.],
           [0., 3., 2.]])
    >>> print(J.sparsity(np.ones(3)))
    <Sparsity 2 x 3, 4 entries, 2 colours of columns>
    +---+
    |@@ |
    | @@|
    +---+
    """
    if mode is not None and (not isinstance(mode, str) or mode not in MODES):
        raise OptionError(
            f"sparse_jacobian: mode must be one of {MODES} or None, got {mode!r:.60}",
            location=call_site().location,
        )
    function, chosen = _target("sparse_jacobian", f, argnums)
    return SparseDerivative(function, chosen, mode, False)


@keywords(mode="a Hessian is symmetric: both sides are the same", **_KEYWORDS)
def sparse_hessian(f: Any, argnums: Argnums = 0) -> SparseDerivative:
    """The Hessian function of a scalar function as a symmetric sparse matrix: args ->
    `scipy.sparse.csr_array`.

    Rows and columns are the elements of the arguments that `argnums` names, flattened one after the
    other. A star colouring of the pattern says which Hessian-vector products give all entries, in
    one compiled call.

    >>> import numpy as np
    >>> H = sparse_hessian(lambda x: np.sum(x[0] * x**2))
    >>> H(np.array([1.0, 2.0, 3.0])).toarray()
    array([[6., 4., 6.],
           [4., 2., 0.],
           [6., 0., 2.]])
    """
    function, chosen = _target("sparse_hessian", f, argnums)
    return SparseDerivative(function, chosen, None, True)


def _target(name: str, f: Any, argnums: Any) -> tuple[Callable[..., Any], Argnums]:
    return differentiable(name, f), checked_argnums(name, argnums)


def sparsity(f: Any, *args: Any, argnums: Argnums = 0) -> Sparsity:
    """The sparsity pattern of the Jacobian of `f` at arguments of these types.

    >>> import numpy as np
    >>> sparsity(np.cumsum, np.ones(4)).matrix.astype(int).toarray()
    array([[1, 0, 0, 0],
           [1, 1, 0, 0],
           [1, 1, 1, 0],
           [1, 1, 1, 1]])
    """
    return sparse_jacobian(differentiable("sparsity", f), argnums).sparsity(*args)
