"""irgrad: compile NumPy functions and expressions to gradient functions through a graph that you can read."""

from irgrad.frontend.lower import Spec as spec
from irgrad.ir.parser import parse
from irgrad.runtime.backend import backends, use_backend
from irgrad.runtime.compiled import Compiled, compile, trace
from irgrad.runtime.linearize import jvp, vjp
from irgrad.runtime.transforms import grad, value_and_grad
