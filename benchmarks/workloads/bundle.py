"""The Jacobian of bundle adjustment (ADBench, GradBench) as a sparse matrix: 29 entries for each
observation of a point by a camera, two reprojection errors and an error of its weight."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp

from benchmarks.workload import Arguments, Call, Size, Workload


def rotated(np: Any, r: Any, x: Any) -> Any:
    """Rodrigues' formula."""
    angle = np.sqrt(np.sum(r * r, axis=1)[:, None])
    axis = r / angle
    cos, sin = np.cos(angle), np.sin(angle)
    along = np.sum(axis * x, axis=1)[:, None]
    (a, b, c), (x0, x1, x2) = axis.T, x.T
    cross = np.stack([b * x2 - c * x1, c * x0 - a * x2, a * x1 - b * x0], axis=-1)
    return x * cos + cross * sin + axis * along * (1 - cos)


def observed(np: Any, camera: Any, point: Any, weight: Any, feature: Any) -> Any:
    """Weighted reprojection errors: each row of the arguments is one observation's."""
    p = rotated(np, camera[:, 0:3], point - camera[:, 3:6])
    plane = p[:, 0:2] / p[:, 2:3]
    square = np.sum(plane * plane, axis=1)[:, None]
    bent = 1 + camera[:, 9:10] * square + camera[:, 10:11] * square**2
    return weight[:, None] * (camera[:, 6:7] * bent * plane + camera[:, 7:9] - feature)


def function(np: Any, cameras: Any, points: Any, weights: Any, *seen: Any) -> Any:
    """All errors: those of the observations, then those of the weights."""
    features, of_camera, of_point = seen
    errors = observed(np, cameras[of_camera], points[of_point], weights, features)
    return np.concatenate([errors.ravel(), 1 - weights**2])


def irgrad(np: Any, *arguments: Any) -> Call:
    """The entries, as the call gives them in its matrix."""
    import irgrad

    jacobian = irgrad.sparse_jacobian(lambda *args: function(np, *args), argnums=(0, 1, 2))
    return lambda: (jacobian(*arguments).data, ())


def gradient(cameras: Any, points: Any, weights: Any, *seen: Any) -> tuple[Any, ...]:
    """The blocks of all observations by complex step, put into one matrix."""
    features, of_camera, of_point = seen
    given = np.concatenate([cameras[of_camera], points[of_point], weights[:, None]], axis=1)
    count, width = given.shape
    blocks, h = np.empty((count, 2, width)), 1e-200
    for k in range(width):
        moved = given.astype(complex)
        moved[:, k] += 1j * h
        errors = observed(np, moved[:, :11], moved[:, 11:14], moved[:, 14], features)
        blocks[:, :, k] = errors.imag / h
    start = cameras.size, cameras.size + points.size
    columns = np.concatenate(
        [
            11 * of_camera[:, None] + np.arange(11),
            start[0] + 3 * of_point[:, None] + np.arange(3),
            start[1] + np.arange(count)[:, None],
        ],
        axis=1,
    )
    rows = np.broadcast_to(np.arange(2 * count).reshape(count, 2, 1), blocks.shape)
    every = np.broadcast_to(columns[:, None], blocks.shape)
    moves = np.ones((2, width), bool)
    moves[0, 8] = moves[1, 7] = False  # a principal point moves its own coordinate alone
    chosen = np.broadcast_to(moves, blocks.shape)
    matrix = sp.csr_array((blocks[chosen], (rows[chosen], every[chosen])))
    matrix.sort_indices()
    return (np.concatenate([matrix.data, -2 * weights]),)


def limits(*arguments: Any) -> dict[str, Call]:
    """All columns of the Jacobian by irgrad, zeros included, where they fit into memory."""
    import irgrad

    if arguments[2].size > 2000:
        return {}
    compiled = irgrad.compile(irgrad.jacobian(lambda *args: function(np, *args), (0, 1, 2)))
    return {"dense Jacobian": lambda: compiled(*arguments)}


def make(cameras: int, points: int, observations: int) -> Arguments:
    """Observation i is that of point i mod `points` by camera i mod `cameras`."""
    rng = np.random.default_rng(0)
    shapes = [(cameras, 11), (points, 3), (observations,), (observations, 2)]
    camera, point, weight, feature = (rng.standard_normal(shape) for shape in shapes)
    camera[:, 9:] *= 0.01
    point[:, 2] += 10.0
    every = np.arange(observations)
    return camera, point, weight, feature, every % cameras, every % points


WORKLOAD = Workload(
    function,
    make,
    sizes=[
        Size("10 x 300, 1,000 observations", (10, 300, 1000), within={"dense Jacobian": 0.05}),
        Size("49 x 7,776, 31,843 observations", (49, 7776, 31_843)),
    ],
    tiny=(2, 3, 7),
    gradient=gradient,
    limits=limits,
    calls={"irgrad": irgrad},
)
