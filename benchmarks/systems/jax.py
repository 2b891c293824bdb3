"""JAX: `jax.jit(jax.value_and_grad(f))` on device arrays, with its cache of compiled programs."""

from __future__ import annotations

from typing import Any

import jax
import jax.nn
import jax.numpy
import jax.scipy.special
import numpy

from benchmarks.workload import Arguments, Call, Workload, arrays, namespace

jax.config.update("jax_enable_x64", True)
jax.config.update("jax_platforms", "cpu")
jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)
jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)

NP = namespace(
    jax.numpy,
    erf=jax.scipy.special.erf,
    logaddexp=jax.numpy.logaddexp,
    logsumexp=jax.scipy.special.logsumexp,
    relu=jax.nn.relu,
    sigmoid=jax.nn.sigmoid,
)


class Jax:
    """JAX on the CPU; the environment names the folder of its cache."""

    version = jax.__version__

    def gradient(self, work: Workload, arguments: Arguments) -> Call:
        if work.calls:
            return work.call("jax", NP, arguments)
        f = jax.value_and_grad(work.program("jax", NP, arguments), work.argnums)
        return self._call(jax.jit(f), arguments)

    def function(self, work: Workload, arguments: Arguments) -> Call:
        return self._call(jax.jit(work.program("jax", NP, arguments)), arguments)

    def _call(self, f: Any, arguments: Arguments) -> Call:
        inputs = [jax.numpy.asarray(a) for a in arrays(arguments)]
        return lambda: jax.block_until_ready(f(*inputs))

    def arrays(self, result: Any) -> list[Any]:
        value, gradients = result
        return [numpy.asarray(a) for a in (value, *gradients)]


def start(name: str) -> Jax:
    """JAX."""
    return Jax()
