"""Bundle adjustment, as a user of NumPy writes it: reprojection errors of points seen by cameras.

A camera is a rotation vector, a centre, a focal length, a principal point and two radial distortion
coefficients; observation i sees camera `cameras_of[i]` and point `points_of[i]` with a weight."""

from __future__ import annotations

from typing import Any

import numpy as np


def rotated(r: Any, x: Any) -> Any:
    """Rodrigues' formula, for small angles to first order."""
    square = np.sum(r * r, axis=1, keepdims=True)
    small = square < 1e-20
    angle = np.sqrt(np.where(small, 1.0, square))
    axis = r / angle
    cos, sin = np.cos(angle), np.sin(angle)
    along = np.sum(axis * x, axis=1, keepdims=True)
    turned = x * cos + np.cross(axis, x) * sin + axis * along * (1 - cos)
    return np.where(small, x + np.cross(r, x), turned)


def project(camera: Any, x: Any) -> Any:
    """Where cameras see points."""
    p = rotated(camera[:, 0:3], x - camera[:, 3:6])
    plane = p[:, 0:2] / p[:, 2:3]
    square = np.sum(plane * plane, axis=1, keepdims=True)
    bent = 1 + camera[:, 9:10] * square + camera[:, 10:11] * square**2
    return camera[:, 6:7] * bent * plane + camera[:, 7:9]


def errors(
    cameras: Any, points: Any, weights: Any, features: Any, cameras_of: Any, points_of: Any
) -> tuple[Any, Any]:
    """Weighted reprojection errors (p, 2), and those of the weights (p,)."""
    seen = project(cameras[cameras_of], points[points_of])
    return weights[:, None] * (seen - features), 1 - weights**2
