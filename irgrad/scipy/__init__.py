"""SciPy's optimisers and integrators with exact derivatives and pytrees.

Each takes a plain NumPy function as `irgrad.grad` does, compiles what the method needs (value and
gradient in one call, Hessian-vector products, Jacobians and Hessians, sparse ones where that pays),
and returns SciPy's result with unknowns in the structure of the start."""

from irgrad.scipy.equations import least_squares, root
from irgrad.scipy.ivp import solve_ivp
from irgrad.scipy.minimum import minimize

__all__ = ["least_squares", "minimize", "root", "solve_ivp"]
