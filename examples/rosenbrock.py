"""Rosenbrock's valley in 50 dimensions, through scipy.optimize.minimize: with irgrad's gradient and
without one.

    python examples/rosenbrock.py
"""

import time

import numpy as np
from scipy.optimize import minimize

import irgrad


def rosenbrock(x):
    """sum 100 (x_{i+1} - x_i^2)^2 + (1 - x_i)^2: zero at (1, ..., 1) (Rosenbrock, 1960)."""
    return np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


def run(title, function, x, **options):
    """Minimise, and report."""
    start = time.perf_counter()
    found = minimize(function, x, **options)
    seconds = time.perf_counter() - start
    error = np.max(np.abs(found.x - 1))
    print(f"{title:42} {found.nit:4} steps {found.nfev:6} calls", end="")
    print(f" {1e3 * seconds:8.1f} ms   error {error:.0e}")
    return found


def path(x):
    """The logarithm of the function as BFGS goes down, as text."""
    seen = []
    both = irgrad.compile(irgrad.value_and_grad(rosenbrock))
    minimize(both, x, jac=True, method="BFGS", callback=lambda x: seen.append(rosenbrock(x)))
    for i in range(0, len(seen), max(1, len(seen) // 16)):
        print(f"  step {i:4}  {seen[i]:9.2e}  " + "#" * max(1, int(3 * np.log10(seen[i] / 1e-14))))


def main() -> None:
    """BFGS with and without the gradient, and Newton's method with products by the Hessian."""
    x = np.linspace(-1.0, 1.0, 50)
    irgrad.check_grads(rosenbrock, (x,))
    both = irgrad.compile(irgrad.value_and_grad(rosenbrock))
    gradient = irgrad.grad(rosenbrock)
    product = irgrad.compile(lambda x, v: irgrad.jvp(gradient, (x,), (v,))[1])
    both(x), product(x, x)  # compiled before the clock runs
    run("BFGS, numerical differences", rosenbrock, x, method="BFGS")
    run("BFGS, gradient by irgrad", both, x, jac=True, method="BFGS")
    run("Newton-CG, gradient and Hessian products", both, x, jac=True, hessp=product,
        method="Newton-CG", options={"xtol": 1e-10})  # fmt: skip
    print("\nBFGS on its way down:")
    path(x)


if __name__ == "__main__":
    main()
