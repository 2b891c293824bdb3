"""What can be computed: one file per family of ops, each op's whole meaning in one place.

Importing this package registers every op.
"""

from irgrad.ops import (
    arithmetic,
    call,
    cast,
    contract,
    create,
    distributions,
    exponential,
    extremum,
    hypergeometric,
    index,
    linalg,
    logic,
    reduction,
    root,
    scan,
    select,
    shape,
    sorting,
    special,
    stop,
    trigonometric,
)

__all__ = [
    "arithmetic",
    "call",
    "cast",
    "contract",
    "create",
    "distributions",
    "exponential",
    "extremum",
    "hypergeometric",
    "index",
    "linalg",
    "logic",
    "reduction",
    "root",
    "scan",
    "select",
    "shape",
    "sorting",
    "special",
    "stop",
    "trigonometric",
]
