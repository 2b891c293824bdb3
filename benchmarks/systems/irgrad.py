"""irgrad on one of its backends: plain NumPy programs, `compile(value_and_grad(f))`."""

from __future__ import annotations

import contextvars
import functools
from typing import Any

import numpy
import scipy.special

import irgrad
import irgrad.errors
from benchmarks.workload import Arguments, Call, Workload, arrays, namespace

NP = namespace(
    numpy,
    erf=scipy.special.erf,
    logaddexp=numpy.logaddexp,
    logsumexp=irgrad.functions.logsumexp,
    relu=irgrad.functions.relu,
    sigmoid=scipy.special.expit,
    scan=getattr(irgrad, "scan", None),
)


class Irgrad:
    """One backend, loaded when this is made, so that loading it counts as an import."""

    version = irgrad.__version__
    unsupported = irgrad.errors.IrgradError

    def __init__(self, backend: str) -> None:
        self.backend = backend
        with irgrad.use_backend(backend):
            pass

    def gradient(self, work: Workload, arguments: Arguments) -> Call:
        if work.calls:
            with irgrad.use_backend(self.backend):
                call = work.call("irgrad", NP, arguments)
                return functools.partial(contextvars.copy_context().run, call)
        f = work.program("irgrad", NP, arguments)
        compiled = irgrad.compile(irgrad.value_and_grad(f, work.argnums), self.backend)
        return functools.partial(compiled, *arrays(arguments))

    def function(self, work: Workload, arguments: Arguments) -> Call:
        compiled = irgrad.compile(work.program("irgrad", NP, arguments), self.backend)
        return functools.partial(compiled, *arrays(arguments))

    def arrays(self, result: Any) -> list[Any]:
        value, gradients = result
        return [value, *gradients]


def start(name: str) -> Irgrad:
    """The backend is what follows the hyphen."""
    return Irgrad(name.removeprefix("irgrad-"))
