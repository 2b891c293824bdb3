"""Loop programs, a family a file: what `python -m benchmarks --loops` times.

Each is written three times, see `program`. Those of `WORKLOADS` have files of their own in
`benchmarks/workloads`."""

from benchmarks.loops import advection, others, products, solvers, stencils, sweeps

WORKLOADS = ("jacobi_2d", "seidel_2d", "heat_3d", "cholesky", "gramschmidt")

PROGRAMS = {
    **stencils.PROGRAMS,
    **sweeps.PROGRAMS,
    **advection.PROGRAMS,
    **solvers.PROGRAMS,
    **products.PROGRAMS,
    **others.PROGRAMS,
}

NAMES = (*WORKLOADS, *PROGRAMS)
