"""Option Greeks: the sensitivities of a Black-Scholes call, all from one formula.

Price (Black and Scholes, 1973): C = S N(d1) - K exp(-r T) N(d2), with
d1 = (log(S / K) + (r + sigma^2 / 2) T) / (sigma sqrt(T)) and d2 = d1 - sigma sqrt(T).

    python examples/greeks.py
"""

import numpy as np
from scipy.special import ndtr

import irgrad


def call(S, K, r, sigma, T):
    """The price of a European call."""
    spread = sigma * np.sqrt(T)
    d1 = (np.log(S / K) + (r + 0.5 * sigma**2) * T) / spread
    d2 = d1 - spread
    return S * ndtr(d1) - K * np.exp(-r * T) * ndtr(d2)


def greeks():
    """Name -> the function that computes it."""
    delta = irgrad.grad(call, "S")
    return {
        "delta dC/dS": delta,
        "gamma d2C/dS2": irgrad.grad(delta, "S"),
        "vega dC/dsigma": irgrad.grad(call, "sigma"),
        "theta -dC/dT": lambda *at: -irgrad.grad(call, "T")(*at),
        "rho dC/dr": irgrad.grad(call, "r"),
        "vanna d2C/dS dsigma": irgrad.grad(delta, "sigma"),
    }


def by_hand(S, K, r, sigma, T):
    """Delta, gamma and vega in closed form."""
    d1 = (np.log(S / K) + (r + 0.5 * sigma**2) * T) / (sigma * np.sqrt(T))
    density = np.exp(-0.5 * d1**2) / np.sqrt(2 * np.pi)
    return ndtr(d1), density / (S * sigma * np.sqrt(T)), S * density * np.sqrt(T)


def plot(title, xs, ys, height=9):
    """A curve as text."""
    low, high = min(ys), max(ys)
    rows = [round((y - low) / (high - low) * (height - 1)) for y in ys]
    print(f"\n{title}, from {low:.3f} to {high:.3f}")
    for row in reversed(range(height)):
        print("  |" + "".join("*" if r == row else " " for r in rows))
    print("  +" + "-" * len(xs) + f"\n   S = {xs[0]:.0f}" + f"{xs[-1]:.0f}".rjust(len(xs) - 6))


def main() -> None:
    """One option, then delta and gamma over the price of the stock."""
    at = (100.0, 105.0, 0.03, 0.2, 0.5)
    print("a call on S = 100, K = 105, r = 3%, sigma = 20%, half a year\n")
    print(f"{'price':20} {call(*at):10.6f}")
    values = {name: float(greek(*at)) for name, greek in greeks().items()}
    for name, value in values.items():
        print(f"{name:20} {value:10.6f}")
    assert np.allclose(list(values.values())[:3], by_hand(*at))
    print("delta, gamma and vega agree with their closed forms")
    prices = np.linspace(70.0, 140.0, 64)
    found = greeks()
    for name in ("delta dC/dS", "gamma d2C/dS2"):
        plot(name, prices, [float(found[name](S, *at[1:])) for S in prices])


if __name__ == "__main__":
    main()
