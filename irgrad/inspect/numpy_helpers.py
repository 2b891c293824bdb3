"""Functions that a written module brings along, for ops that are no single call of NumPy."""

from __future__ import annotations

HELPERS = {
    "ratio": '''
def _ratio(x, y):
    """x / y, and 0 where both are 0."""
    return np.where((x == 0) & (y == 0), x, np.divide(x, y))
''',
    "scale": '''
def _scale(x, y):
    """x * y, and 0 where one of them is, whatever the other."""
    product = np.multiply(x, y)
    zero = np.where(x == 0, x, np.where(y == 0, y, product))
    return np.where(np.isnan(product), zero, product)
''',
    "pad": '''
def _pad(x, low, high, inside):
    """Zeros before, after and between the elements along each axis."""
    shape = [a + b + max(n + (n - 1) * i, 0) for n, a, b, i in zip(x.shape, low, high, inside)]
    y = np.zeros(shape, x.dtype)
    y[tuple(slice(a, a + n * (i + 1) - i if n else a, i + 1)
            for n, a, i in zip(x.shape, low, inside))] = x
    return y
''',
    "update_slice": '''
def _update_slice(x, y, start, step):
    """A copy of x with y in the window that begins at start."""
    x = np.array(x)
    x[tuple(slice(a, a + (n - 1) * by + 1 if n else a, by)
            for n, a, by in zip(y.shape, start, step))] = y
    return x
''',
    "scatter_add": '''
def _scatter_add(updates, *indices, axes, shape):
    """Zeros with updates added at the places that the indices name along axes."""
    x = np.zeros(shape, updates.dtype)
    rest = [axis for axis in range(len(shape)) if axis not in axes]
    np.add.at(x.transpose([*axes, *rest]), indices, updates)
    return x
''',
    "update_at": '''
def _update_at(x, y, *indices, axes):
    """A copy of x with y at the places that the indices name along axes."""
    x = np.array(x)
    rest = [axis for axis in range(x.ndim) if axis not in axes]
    x.transpose([*axes, *rest])[indices] = y
    return x
''',
    "nonzero": '''
def _nonzero(mask):
    """The flat indices of what is true."""
    return np.flatnonzero(mask)
''',
    "lu": '''
def _lu(a):
    """Factors and pivots of matrices, the largest element of each column first, as in LAPACK."""
    factors, pivots = np.array(a), np.zeros(a.shape[:-1], np.int32)
    for place in np.ndindex(a.shape[:-2]):
        x = factors[place]
        for k in range(a.shape[-1]):
            largest = k + int(np.argmax(np.abs(x.real[k:, k]) + np.abs(x.imag[k:, k])))
            pivots[(*place, k)] = largest
            x[[k, largest]] = x[[largest, k]]
            if x[k, k] != 0:
                x[k + 1:, k] /= x[k, k]
            x[k + 1:, k + 1:] -= np.outer(x[k + 1:, k], x[k, k + 1:])
    return factors, pivots
''',
    "permutation": '''
def _permutation(pivots):
    """The order of the rows after each in turn was exchanged with the one that a pivot names."""
    order = np.broadcast_to(np.arange(pivots.shape[-1]), pivots.shape).copy()
    for place in np.ndindex(pivots.shape[:-1]):
        for i, j in enumerate(pivots[place]):
            order[place][[i, j]] = order[place][[j, i]]
    return order
''',
    "cumsum": '''
def _cumsum(x, axis, reverse):
    """Running sums along an axis, in reverse from its end."""
    x = np.flip(x, axis) if reverse else x
    y = np.add.accumulate(x, axis, dtype=x.dtype)
    return np.flip(y, axis) if reverse else y
''',
    "cumprod": '''
def _cumprod(x, axis, reverse):
    """Running products along an axis, in reverse from its end."""
    x = np.flip(x, axis) if reverse else x
    y = np.multiply.accumulate(x, axis, dtype=x.dtype)
    return np.flip(y, axis) if reverse else y
''',
    "recurrence": '''
def _recurrence(a, b, axis, reverse):
    """s[i] = a[i] * s[i - 1] + b[i] along an axis, in reverse from its end."""
    a, y = np.moveaxis(a, axis, 0), np.array(b)
    s = np.moveaxis(y, axis, 0)
    if reverse:
        a, s = a[::-1], s[::-1]
    for i in range(1, len(s)):
        s[i] = a[i] * s[i - 1] + s[i]
    return y
''',
    "searchsorted": '''
def _searchsorted(edges, x, side):
    """Where to insert each of x into the sorted edges, along their last axis."""
    places = np.empty(x.shape, np.int64)
    for batch in np.ndindex(edges.shape[:-1]):
        places[batch] = np.searchsorted(edges[batch], x[batch], side=side)
    return places
''',
    "solve_triangular": '''
def _solve_triangular(a, b, lower, unit):
    """The solution of a x = b for stacks of triangular a."""
    x = np.empty(b.shape, b.dtype)
    for place in np.ndindex(a.shape[:-2]):
        if x[place].size:
            x[place] = scipy.linalg.solve_triangular(
                a[place], b[place], lower=lower, unit_diagonal=unit, check_finite=False
            )
    return x
''',
    "cofactor": '''
def _cofactor(a):
    """The cofactors of stacks of square matrices, from their singular values."""
    if not a.size:
        return a.copy()
    u, s, vh = np.linalg.svd(a)
    sign = np.asarray(np.linalg.det(u) * np.linalg.det(vh))[..., None, None]
    before, after = np.ones_like(s), np.ones_like(s)
    np.cumprod(s[..., :-1], axis=-1, out=before[..., 1:])
    after[..., :-1] = np.cumprod(s[..., :0:-1], axis=-1)[..., ::-1]
    scaled = np.conj(u) * (before * after)[..., None, :]
    return (sign * (scaled @ np.conj(vh))).astype(a.dtype, copy=False)
''',
}
"""By the name of the op."""
