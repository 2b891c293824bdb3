"""The environment of the workers: threads, caches, and what the machine is."""

from __future__ import annotations

import os
import platform
from pathlib import Path

THREADS = (
    "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS",
    "IRGRAD_NUM_THREADS",
)  # fmt: skip

# Work-arounds for old OpenBLAS on new processors, set on some machines. They choose slower kernels
# in the OpenBLAS of today's NumPy, so nobody gets them.
DROPPED = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")


def environment(cache: Path, threads: int) -> dict[str, str]:
    """Variables that give every system the same number of threads, and its caches to `cache`."""
    kept = {name: value for name, value in os.environ.items() if name not in DROPPED}
    return {
        **kept,
        **{name: str(threads) for name in THREADS},
        "XDG_CACHE_HOME": str(cache),
        "IRGRAD_CACHE_DIR": str(cache / "irgrad"),
        "JAX_COMPILATION_CACHE_DIR": str(cache / "jax"),
        "NUMBA_CACHE_DIR": str(cache / "numba"),
        "PYTENSOR_FLAGS": f"base_compiledir={cache / 'pytensor'}",
        "TORCHINDUCTOR_CACHE_DIR": str(cache / "torch"),
    }


def confine(threads: int) -> None:
    """Run this process and its children on `threads` processors, where the system can say so: some
    systems start as many threads as there are processors, whatever the variables say.
    """
    if hasattr(os, "sched_setaffinity"):
        allowed = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, allowed[:threads])


def forget(cache: Path) -> None:
    """Remove the files in a cache; folders stay, since their owner may hold on to them."""
    for file in cache.rglob("*"):
        if file.is_file():
            file.unlink(missing_ok=True)


def processor() -> str:
    """The processor's name."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = (line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.machine())
