"""The workloads, one a file. A new file appears in the table by itself, after those of `ORDER`."""

ORDER = (
    "rosenbrock", "equation_1", "sigmoids", "black_scholes", "logistic", "perceptron", "mixture",
    "sines", "recurrent", "scan_3x3", "lstm", "jacobi_2d", "seidel_2d", "heat_3d", "cholesky",
    "gramschmidt", "ode", "kmeans", "brusselator", "bundle", "growth",
)  # fmt: skip
