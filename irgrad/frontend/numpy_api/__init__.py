"""What NumPy's functions mean on traced values: one file per family, each filling the table in
`tracer`.
"""

from irgrad.frontend.numpy_api import (
    creation,
    diagonals,
    differences,
    einsum,
    elementwise,
    indexing,
    joining,
    linear_algebra,
    masked_reductions,
    nan_reductions,
    padding,
    rearranging,
    reductions,
    scans,
    selection,
    shape,
    sorting,
    static,
    statistics,
    ufunc_methods,
)

__all__ = [
    "creation",
    "diagonals",
    "differences",
    "einsum",
    "elementwise",
    "indexing",
    "joining",
    "linear_algebra",
    "masked_reductions",
    "nan_reductions",
    "padding",
    "rearranging",
    "reductions",
    "scans",
    "selection",
    "shape",
    "sorting",
    "static",
    "statistics",
    "ufunc_methods",
]
