"""irgrad: compile NumPy functions and expressions to gradient functions, through a graph that you
can read.

>>> import numpy as np, irgrad
>>> f = irgrad.grad(lambda x: np.sum(np.sin(x) ** 2))
>>> f(np.array([0.0, np.pi / 4])).round(6).tolist()
[0.0, 1.0]
"""

from irgrad import functions, scipy
from irgrad.autodiff.budget import tape_budget
from irgrad.frontend.branches import cond, switch
from irgrad.frontend.capture import call as _call  # noqa: F401 -- else loaded by the first call
from irgrad.frontend.capture import without_capture
from irgrad.frontend.expression import expression
from irgrad.frontend.functions import stop_gradient
from irgrad.frontend.loops import fori_loop, map, scan, while_loop
from irgrad.frontend.lower import Spec as spec
from irgrad.frontend.symbolic import from_sympy
from irgrad.inspect import svg as _svg  # noqa: F401 -- gives graphs their pictures
from irgrad.ir import structure as _structure  # noqa: F401 -- the same
from irgrad.ir.graph import Graph
from irgrad.ir.json_form import from_json
from irgrad.ir.parser import parse
from irgrad.runtime.backend import backends, use_backend
from irgrad.runtime.check import check_grads
from irgrad.runtime.compiled import Compiled, compile, trace
from irgrad.runtime.cost import cost
from irgrad.runtime.custom import checkpoint, custom_jvp, custom_vjp
from irgrad.runtime.descend import descend
from irgrad.runtime.implicit import (
    fixed_point,
    linear_solve,
    minimize_argmin,
    register_solver,
    root,
)
from irgrad.runtime.jacobian import hessian, hvp, jacfwd, jacobian, jacrev
from irgrad.runtime.linearize import jvp, linearize, vjp
from irgrad.runtime.sensitivity import sensitivity
from irgrad.runtime.sparse import sparse_hessian, sparse_jacobian, sparsity
from irgrad.runtime.transforms import grad, value_and_grad
from irgrad.runtime.vmap import vmap

__version__ = "0.1.0"

__all__ = [
    "Compiled",
    "Graph",
    "backends",
    "check_grads",
    "checkpoint",
    "compile",
    "cond",
    "cost",
    "custom_jvp",
    "custom_vjp",
    "descend",
    "expression",
    "fixed_point",
    "fori_loop",
    "from_json",
    "from_sympy",
    "functions",
    "grad",
    "hessian",
    "hvp",
    "jacfwd",
    "jacobian",
    "jacrev",
    "jvp",
    "linear_solve",
    "linearize",
    "map",
    "minimize_argmin",
    "parse",
    "register_solver",
    "root",
    "scan",
    "scipy",
    "sensitivity",
    "sparse_hessian",
    "sparse_jacobian",
    "sparsity",
    "spec",
    "stop_gradient",
    "switch",
    "tape_budget",
    "trace",
    "use_backend",
    "value_and_grad",
    "vjp",
    "vmap",
    "while_loop",
    "without_capture",
]
