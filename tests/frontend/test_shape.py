"""Shapes, joining, rearranging, padding, creating and differences, each as NumPy has it."""

from __future__ import annotations

from typing import Any

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

import irgrad
from irgrad.errors import (
    ArgumentError,
    IndexOutOfBounds,
    OptionError,
    ShapeError,
    TraceError,
    UnsupportedError,
)
from irgrad.frontend.pick import pick, runs_of
from tests.frontend.against_numpy import (
    Case,
    array,
    assert_same,
    check,
    fails_as_numpy,
    same_as_numpy,
)

X = array(2, 3, 4)
M = array(3, 4)
V = array(5)
INTS = array(3, 4, dtype=np.int32)
F = array(3, 4, dtype=np.float32)
S = np.float64(1.5)

CASES = {
    "reshape": Case(lambda x: np.reshape(x, (4, -1)), (X,)),
    "reshape_int": Case(lambda x: x.reshape(24), (X,)),
    "reshape_varargs": Case(lambda x: x.reshape(4, 6), (X,)),
    "reshape_fortran": Case(lambda x: np.reshape(x, (4, 6), order="F"), (X,)),
    "reshape_copy": Case(
        lambda x: np.reshape(x, 24, copy=True) if np.__version__ >= "2.1" else x.reshape(24), (X,)
    ),
    "reshape_empty": Case(lambda x: x[:0].reshape(0, 7), (X,), smooth=False),
    "reshape_scalar": Case(lambda x: np.reshape(x, (1, 1)), (S,)),
    "ravel": Case(lambda x: np.ravel(x), (M,)),
    "ravel_fortran": Case(lambda x: x.ravel("F"), (X,)),
    "flatten": Case(lambda x: x.flatten(), (X,)),
    "transpose": Case(lambda x: np.transpose(x), (X,)),
    "transpose_axes": Case(lambda x: np.transpose(x, (1, -1, 0)), (X,)),
    "transpose_method": Case(lambda x: x.transpose(2, 0, 1), (X,)),
    "transpose_tuple": Case(lambda x: x.transpose((2, 0, 1)), (X,)),
    "T": Case(lambda x: x.T, (X,)),
    "mT": Case(lambda x: x.mT, (X,)),
    "matrix_transpose": Case(lambda x: np.matrix_transpose(x), (X,)),
    "numpy_ints": Case(
        lambda x: np.moveaxis(x, np.int64(0), np.int8(-1)).reshape(np.int64(4), -1), (X,)
    ),
    "swapaxes": Case(lambda x: np.swapaxes(x, 0, -1), (X,)),
    "moveaxis": Case(lambda x: np.moveaxis(x, 0, -1), (X,)),
    "moveaxis_several": Case(lambda x: np.moveaxis(x, [0, 1], [-1, 0]), (X,)),
    "rollaxis": Case(lambda x: np.rollaxis(x, 2), (X,)),
    "rollaxis_end": Case(lambda x: np.rollaxis(x, 0, 3), (X,)),
    "expand_dims": Case(lambda x: np.expand_dims(x, (0, -1)), (M,)),
    "squeeze": Case(lambda x: np.squeeze(x[None, :, None]), (M,)),
    "squeeze_axis": Case(lambda x: x[None, :, None].squeeze(axis=(0, 2)), (M,)),
    "broadcast_to": Case(lambda x: np.broadcast_to(x, (2, 3, 4)), (M,)),
    "broadcast_arrays": Case(lambda x, y: np.broadcast_arrays(x, y, 1.0), (M, X)),
    "atleast_1d": Case(lambda s, x: np.atleast_1d(s, x), (S, M)),
    "atleast_2d": Case(lambda s, v, x: np.atleast_2d(s, v, x), (S, V, X)),
    "atleast_3d": Case(lambda s, v, m, x: np.atleast_3d(s, v, m, x), (S, V, M, X)),
    "static_shape": Case(
        lambda x: x * np.size(x) + np.ndim(x) + np.shape(x)[0] + x.size + len(x), (M,)
    ),
    "concatenate": Case(lambda x, y: np.concatenate((x, y[0], x)), (M, X)),
    "concatenate_axis": Case(lambda x, y: np.concatenate([x, y[:, :2]], axis=-1), (M, M)),
    "concatenate_flat": Case(lambda x, y: np.concatenate((x, y, 2.0), axis=None), (M, X)),
    "concatenate_one": Case(lambda x: np.concatenate([x]), (M,)),
    "concatenate_rows": Case(lambda x: np.concatenate(x), (M,)),
    "concatenate_dtypes": Case(
        lambda x, y: np.concatenate((x, y, [[1, 2, 3, 4]])), (INTS, F), smooth=False
    ),
    "concatenate_dtype": Case(
        lambda x, y: np.concatenate((x, y), dtype=np.float32), (F, F), smooth=False
    ),
    "concatenate_weak": Case(lambda x: np.concatenate((x, 2.0), axis=None), (F,), smooth=False),
    "stack": Case(lambda x, y: np.stack((x, y, x), axis=1), (M, M)),
    "stack_last": Case(lambda x, y: np.stack([x, y], axis=-1), (M, M)),
    "stack_scalars": Case(lambda x: np.stack([x[0, 1], 2.0, x[2, 3]]), (M,)),
    "stack_dtype": Case(lambda x: np.stack([x[0, 1], 2.0]), (F,), smooth=False),
    "vstack": Case(lambda x, v: np.vstack((x, v[:4], [1, 2, 3, 4])), (M, V)),
    "hstack": Case(lambda x: np.hstack((x, x[:, :1])), (M,)),
    "hstack_flat": Case(lambda x, s: np.hstack((x, s)), (V, S)),
    "dstack": Case(lambda x, y: np.dstack((x, y)), (M, M)),
    "column_stack": Case(lambda x, v: np.column_stack((x, v[:3])), (M, V)),
    "append": Case(lambda x: np.append(x, [1.0, 2.0]), (M,)),
    "append_axis": Case(lambda x: np.append(x, x, axis=1), (M,)),
    "block": Case(lambda x, v: np.block([[x, x[:, :2]], [v, 1.0]]), (M, V)),
    "block_flat": Case(lambda x, v: np.block([v, v[0], 3]), (M, V)),
    "split": Case(lambda x: np.split(x, 2, axis=1), (M,)),
    "split_at": Case(lambda x: np.split(x, [1, -1, 9]), (V,)),
    "array_split": Case(lambda x: np.array_split(x, 3), (V,)),
    "hsplit": Case(lambda x: np.hsplit(x, 2), (M,)),
    "hsplit_1d": Case(lambda x: np.hsplit(x, [2]), (V,)),
    "vsplit": Case(lambda x: np.vsplit(x, 3), (M,)),
    "dsplit": Case(lambda x: np.dsplit(x, 2), (X,)),
    "unpack": Case(lambda x: sum(row * i for i, row in enumerate(x)), (M,)),
    "tile": Case(lambda x: np.tile(x, 2), (M,)),
    "tile_axes": Case(lambda x: np.tile(x, (2, 1, 3)), (M,)),
    "tile_fewer": Case(lambda x: np.tile(x, (2, 2)), (X,)),
    "tile_scalar": Case(lambda x: np.tile(x, 3), (S,)),
    "repeat": Case(lambda x: np.repeat(x, 3), (M,)),
    "repeat_axis": Case(lambda x: x.repeat(2, axis=1), (M,)),
    "repeat_counts": Case(lambda x: np.repeat(x, [2, 0, 1], axis=0), (M,)),
    "repeat_many": Case(lambda x: np.repeat(x, [2, 0, 3, 1, 4] * 4), (array(20),)),
    "resize": Case(lambda x: np.resize(x, (5, 6)), (M,)),
    "resize_less": Case(lambda x: np.resize(x, 5), (M,)),
    "roll": Case(lambda x: np.roll(x, 2), (M,)),
    "roll_axis": Case(lambda x: np.roll(x, -1, axis=1), (M,)),
    "roll_axes": Case(lambda x: np.roll(x, (1, 9), axis=(0, -1)), (X,)),
    "roll_one_axis_twice": Case(lambda x: np.roll(x, (1, 1), axis=0), (M,)),
    "rot90": Case(lambda x: [np.rot90(x, k) for k in range(-1, 4)], (M,)),
    "rot90_axes": Case(lambda x: np.rot90(x, 1, axes=(2, 0)), (X,)),
    "flip": Case(lambda x: np.flip(x), (X,)),
    "flip_axis": Case(lambda x: np.flip(x, (0, -1)), (X,)),
    "fliplr": Case(lambda x: np.fliplr(x), (M,)),
    "flipud": Case(lambda x: np.flipud(x), (M,)),
    "delete": Case(lambda x: np.delete(x, 1, axis=0), (M,)),
    "delete_list": Case(lambda x: np.delete(x, [0, -1], 1), (M,)),
    "delete_slice": Case(lambda x: np.delete(x, slice(1, 9, 2)), (M,)),
    "delete_mask": Case(lambda x: np.delete(x, np.array([True, False, True]), 0), (M,)),
    "insert": Case(lambda x: np.insert(x, 1, 5.0), (V,)),
    "insert_end": Case(lambda x, v: np.insert(x, 3, v[:4], axis=0), (M, V)),
    "insert_row": Case(lambda x: np.insert(x, -1, [1, 2, 3, 4], axis=0), (M,)),
    "insert_several": Case(lambda x, v: np.insert(v, [1, 4, 1], x[0, :3]), (M, V)),
    "insert_broadcast": Case(lambda x: np.insert(x, [0, 2], 7.0, axis=1), (M,)),
    "insert_slice": Case(
        lambda x: np.insert(x, slice(0, 4, 2), [[8.0], [9.0], [1.0]], axis=1), (M,)
    ),
    "pad": Case(lambda x: np.pad(x, 1), (M,)),
    "pad_pairs": Case(lambda x: np.pad(x, ((0, 2), (1, 0))), (M,)),
    "pad_pair": Case(lambda x: np.pad(x, (1, 2)), (M,)),
    "pad_value": Case(lambda x: np.pad(x, 2, constant_values=3), (M,)),
    "pad_values": Case(lambda x: np.pad(x, 1, constant_values=((1, 2), (3, 4))), (M,)),
    "pad_traced_value": Case(lambda x: np.pad(x, 1, constant_values=x[0, 0]), (M,)),
    "pad_traced_values": Case(lambda x: np.pad(x, 1, constant_values=(x[0, 0], 2.0)), (M,)),
    "pad_edge": Case(lambda x: np.pad(x, ((2, 1), (0, 3)), mode="edge"), (M,)),
    "pad_reflect": Case(lambda x: np.pad(x, ((2, 1), (0, 3)), mode="reflect"), (M,)),
    "pad_reflect_far": Case(lambda x: np.pad(x, 11, mode="reflect"), (V,)),
    "pad_symmetric": Case(lambda x: np.pad(x, ((2, 1), (0, 3)), mode="symmetric"), (M,)),
    "pad_wrap": Case(lambda x: np.pad(x, ((2, 1), (0, 9)), mode="wrap"), (M,)),
    "pad_ramp": Case(
        lambda x: np.pad(x, ((2, 1), (0, 3)), mode="linear_ramp", end_values=2.0), (M,)
    ),
    "pad_maximum": Case(lambda x: np.pad(x, 1, mode="maximum"), (M,)),
    "pad_minimum": Case(lambda x: np.pad(x, (0, 2), mode="minimum", stat_length=2), (M,)),
    "pad_mean": Case(lambda x: np.pad(x, 2, mode="mean", stat_length=(1, 2)), (M,)),
    "pad_mean_ints": Case(lambda x: np.pad(x, 2, mode="mean"), (INTS,), smooth=False),
    "pad_empty_axis": Case(lambda x: np.pad(x[:0], 1), (M,), smooth=False),
    "zeros_like": Case(lambda x: x + np.zeros_like(x), (M,)),
    "zeros_like_dtype": Case(
        lambda x: np.zeros_like(x, dtype=int, shape=(2, 2)), (M,), smooth=False
    ),
    "ones_like": Case(lambda x: x * np.ones_like(x), (M,)),
    "empty_like": Case(lambda x: np.empty_like(x).shape[0] * x, (M,)),
    "full_like": Case(lambda x: np.full_like(x, 3), (F,), smooth=False),
    "full_like_traced": Case(lambda x: np.full_like(x, x[0, 1]), (M,)),
    "copy": Case(lambda x: np.copy(x) + x.copy(), (M,)),
    "astype": Case(lambda x: x.astype(np.float32).astype(float), (M,), smooth=False),
    "astype_int": Case(lambda x: x.astype(int), (M,), smooth=False),
    "astype_bool": Case(lambda x: x.astype(bool), (M,), smooth=False),
    "meshgrid": Case(lambda x, y: np.meshgrid(x, y, x), (V, V[:2])),
    "meshgrid_ij": Case(lambda x, y: np.meshgrid(x, y, indexing="ij", sparse=True), (V, V[:2])),
    "logspace": Case(lambda a: np.logspace(a, 2.0, 4, base=2.0), (S,)),
    "logspace_dtype": Case(lambda a: np.logspace(a, 2, 4, dtype=np.float32), (S,), smooth=False),
    "along_axis": Case(lambda x: np.apply_along_axis(lambda v: v[::-1] * v[0], 1, x), (X,)),
    "along_axis_matrix": Case(lambda x: np.apply_along_axis(np.diag, -1, x), (M,)),
    "along_axis_scalar": Case(
        lambda x, k: np.apply_along_axis(lambda v, k: v @ v * k, 0, x, k), (M, S)
    ),
    "over_axes": Case(lambda x: np.apply_over_axes(np.sum, x, (0, -1)), (X,)),
    "linspace": Case(lambda a, b: np.linspace(a, b, 7), (S, M)),
    "linspace_open": Case(lambda a: np.linspace(a, 5.0, 4, endpoint=False, retstep=True), (S,)),
    "linspace_one": Case(lambda a: np.linspace(a, 5.0, 1), (S,)),
    "linspace_axis": Case(lambda a: np.linspace(0, a, 4, axis=-1), (V,)),
    "linspace_int": Case(lambda a: np.linspace(0, a, 4, dtype=int), (S,), smooth=False),
    "vander": Case(lambda x: np.vander(x), (V,)),
    "vander_increasing": Case(lambda x: np.vander(x, 3, increasing=True), (V,)),
    "vander_ints": Case(lambda x: np.vander(x, 3), (INTS[0],), smooth=False),
    "diag": Case(lambda x: [np.diag(x, k) for k in (-7, -2, 0, 1, 9)], (M,)),
    "diag_matrix": Case(lambda x: [np.diag(x, k) for k in (-2, 0, 1)], (V,)),
    "diag_empty": Case(lambda x: np.diag(x[:0], 2), (V,), smooth=False),
    "diagflat": Case(lambda x: np.diagflat(x, 1), (M,)),
    "diagonal": Case(lambda x: np.diagonal(x, 1, axis1=2, axis2=0), (X,)),
    "diagonal_method": Case(lambda x: x.diagonal(-1, 1, 2), (X,)),
    "trace": Case(lambda x: (np.trace(x), x.trace(1, axis1=-1, axis2=0)), (X,)),
    "trace_ints": Case(lambda x: np.trace(x), (INTS,), smooth=False),
    "tril": Case(lambda x: [np.tril(x, k) for k in (-1, 0, 2)], (X,)),
    "triu": Case(lambda x: [np.triu(x, k) for k in (-1, 0, 2)], (M,)),
    "triu_1d": Case(lambda x: np.triu(x), (V,)),
    "diff": Case(lambda x: np.diff(x), (M,)),
    "diff_twice": Case(lambda x: np.diff(x, 2, axis=0), (M,)),
    "diff_ends": Case(lambda x: np.diff(x, prepend=0, append=x[:, :1]), (M,)),
    "diff_bools": Case(lambda x: np.diff(x > 0), (M,), smooth=False),
    "diff_beyond": Case(lambda x: np.diff(x, 7), (V,), smooth=False),
    "ediff1d": Case(lambda x: np.ediff1d(x, to_begin=1.0, to_end=[2.0, 3.0]), (M,)),
    "gradient": Case(lambda x: np.gradient(x), (M,)),
    "gradient_spacing": Case(lambda x: np.gradient(x, 0.5, axis=1, edge_order=2), (M,)),
    "gradient_points": Case(
        lambda x, t: np.gradient(x, t, axis=1, edge_order=2), (M, np.array([0.0, 2.0, 5.0, 7.5]))
    ),
    "gradient_order_one": Case(
        lambda x, t: np.gradient(x, t), (V, np.array([0.0, 2.0, 5.0, 7.5, 9.0]))
    ),
    "gradient_two": Case(lambda x: np.gradient(x[:2]), (V,)),
    "gradient_f32": Case(lambda x: np.gradient(x, 0.5), (F,), smooth=False),
    "gradient_ints": Case(lambda x: np.gradient(x), (INTS,), smooth=False),
    "unstack": Case(
        lambda x: np.unstack(x, axis=1) if hasattr(np, "unstack") else list(np.moveaxis(x, 1, 0)),
        (M,),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_as_numpy(name: str) -> None:
    check(CASES[name])


ERRORS: dict[str, tuple[Any, Any, str]] = {
    "reshape": (lambda x: x.reshape(5, -1), M, "size 12 into shape \\(5, -1\\)"),
    "reshape_two_unknown": (lambda x: x.reshape(-1, -1), M, "only one"),
    "transpose": (lambda x: np.transpose(x, (0, 0)), M, "twice"),
    "transpose_axes": (lambda x: np.transpose(x, (0,)), M, "do not match"),
    "axis": (lambda x: np.expand_dims(x, 5), M, "axis 5 is out of bounds"),
    "squeeze": (lambda x: np.squeeze(x, 0), M, "not of size 1"),
    "broadcast": (lambda x: np.broadcast_to(x, (3, 5)), M, "broadcast"),
    "concatenate": (lambda x: np.concatenate((x, x[:, :1])), M, "must agree but along axis 0"),
    "concatenate_scalars": (lambda x: np.concatenate((x[0, 0], x[0, 0])), M, "zero-dimensional"),
    "stack": (lambda x: np.stack((x, x[0])), M, "one shape"),
    "split": (lambda x: np.split(x, 2), M, "does not divide"),
    "hsplit": (lambda x: np.hsplit(x, 2), S, "1 or more axes"),
    "tile": (lambda x: np.roll(x, 1, axis=3), M, "axis 3 is out of bounds"),
    "repeat": (lambda x: np.repeat(x, [1, 2]), M, "repeat"),
    "delete": (lambda x: np.delete(x, 9, 0), M, "out of bounds"),
    "insert": (lambda x: np.insert(x, 9, 0, axis=0), M, "index 9 is out of bounds"),
    "pad_empty": (lambda x: np.pad(x[:0], 1, mode="edge"), M, "empty axis 0"),
    "pad_negative": (lambda x: np.pad(x, -1), M, "negative"),
    "diagonal": (lambda x: np.diagonal(x), V, "two axes"),
    "gradient": (lambda x: np.gradient(x, edge_order=2), M[:2], "too small"),
    "mT": (lambda x: x.mT, V, "2 axes"),
}


@pytest.mark.parametrize("name", ERRORS)
def test_errors_are_of_numpys_kind(name: str) -> None:
    function, x, match = ERRORS[name]
    fails_as_numpy(function, x, match=match)


HELD = np.zeros((6, 4))
REFUSALS: dict[str, tuple[Any, type[Exception], str]] = {
    "shape": (lambda x: x.reshape(x[0, 0].astype(int)), TraceError, "must be Python ints"),
    "repeat": (lambda x: np.repeat(x, x.astype(int)), TraceError, "static counts"),
    "roll": (lambda x: np.roll(x, x[0, 0].astype(int)), TraceError, "np.take"),
    "delete": (lambda x: np.delete(x, x[0, 0].astype(int)), TraceError, "concrete arrays"),
    "out": (lambda x: np.concatenate((x, x), out=HELD), UnsupportedError, "out="),
    "item": (lambda x: x.item(), ShapeError, "x.item.i. takes the element"),
    "tobytes": (lambda x: x.tobytes(), TraceError, "not known while the function is lowered"),
    "resize": (lambda x: x.resize((2, 6)), UnsupportedError, "np.resize"),
    "complex": (lambda x: (x + 1j).astype(float), TypeError, "use .real"),
    "put": (lambda x: np.put(HELD, [0], x), UnsupportedError, "np.where"),
    "odd": (lambda x: np.pad(x, 1, mode="reflect", reflect_type="odd"), UnsupportedError, "odd"),
    "function": (lambda x: np.pad(x, 1, mode=lambda *_: None), UnsupportedError, "function"),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_what_needs_numbers_is_refused(name: str) -> None:
    function, kind, match = REFUSALS[name]
    with pytest.raises(kind, match=match) as error:
        irgrad.trace(function, M)
    assert "test_shape.py" in str(error.value)


def test_what_dtypes_and_shapes_say_is_static() -> None:
    def function(x: Any, w: float) -> Any:
        assert np.result_type(x, w) == np.float32
        assert np.result_type(x, np.int64) == np.float64
        assert np.can_cast(x, np.float64)
        assert not np.can_cast(x, int)
        assert np.common_type(x) is np.float32
        assert np.min_scalar_type(x) == np.float32
        assert np.isrealobj(x)
        assert not np.iscomplexobj(x)
        assert (np.shape(x), np.ndim(x), np.size(x), np.size(x, 1)) == ((3, 4), 2, 12, 4)
        return x

    same_as_numpy(function, F, 2.0)


def test_unknown_keywords_of_pad() -> None:
    with pytest.raises(ArgumentError, match="does not take constant_values"):
        irgrad.trace(lambda x: np.pad(x, 1, mode="edge", constant_values=1), M)


def test_messages_say_what_and_where() -> None:
    with pytest.raises(ShapeError) as error:
        irgrad.trace(lambda x: np.reshape(x, (5, 2)), M)
    lines = str(error.value).splitlines()
    assert lines[0] == "cannot reshape an array of size 12 into shape (5, 2), which has size 10"
    assert "%x: f64[3,4]" in lines[1]
    assert "test_shape.py" in lines[2]
    with pytest.raises(IndexOutOfBounds) as error:
        irgrad.trace(lambda x: np.delete(x, 3, axis=0), M)
    assert "index 3 is out of bounds for axis 0 with size 3" in str(error.value)


shapes = st.lists(st.integers(0, 3), max_size=3).map(tuple)


@given(shapes, st.data())
@settings(max_examples=60, deadline=None, derandomize=True)
def test_any_shape(shape: tuple[int, ...], data: Any) -> None:
    """Reshapes, permutations, repeats and paddings of arrays of any shape, empty ones too."""
    x = array(*shape)
    order = data.draw(st.permutations(range(len(shape))))
    counts = data.draw(st.lists(st.integers(0, 2), max_size=4))
    widths = [data.draw(st.tuples(st.integers(0, 2), st.integers(0, 2))) for _ in shape]
    axis = data.draw(st.integers(-len(shape), len(shape) - 1)) if shape else None
    parts = data.draw(st.integers(1, 4))

    def function(x: Any) -> Any:
        rolled = np.roll(x, 2, axis)
        split = np.array_split(x, parts, axis) if shape else []
        return (
            np.transpose(x, order).reshape(-1),
            np.tile(x, counts),
            np.pad(x, widths) if shape else x,
            rolled,
            split,
            np.repeat(x, 2, axis),
            np.flip(x, axis),
            np.stack([x, x], -1),
            np.ravel(x, "F"),
        )

    same_as_numpy(function, x)


@given(st.lists(st.integers(0, 6), max_size=12))
@settings(max_examples=100, deadline=None, derandomize=True)
def test_pick_takes_what_numpy_takes(indices: list[int]) -> None:
    listed = [run.first + i * run.step for run in runs_of(indices) for i in range(run.length)]
    assert listed == indices
    x = array(2, 7)
    assert_same(irgrad.compile(lambda x: pick(x, 1, indices) + 0)(x), x[:, np.array(indices, int)])


LAYOUTS = {
    "c": lambda a: a,
    "fortran": np.asfortranarray,
    "transposed": lambda a: a.T,
    "steps": lambda a: a[::-1, ::2],
}
READS: dict[str, Any] = {
    "np.ravel": np.ravel,
    "ravel": lambda x, order: x.ravel(order),
    "flatten": lambda x, order: x.flatten(order=order),
    "np.reshape": lambda x, order: np.reshape(x, -1, order=order),
    "reshape": lambda x, order: x.reshape(x.size, order=order),
}


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
@pytest.mark.parametrize("read", READS.values(), ids=READS)
def test_an_order_is_obeyed_or_refused(read: Any, layout: Any) -> None:
    """C and F order do not depend on how the array lies in memory; A and K do."""
    x = layout(array(3, 4))
    for order in "CFcf":
        same_as_numpy(lambda x, o=order: read(x, o), x)
        same_as_numpy(lambda x, o=order: read(np.sin(x.T) * 2, o), x)
    for order in "AK":
        for f in (lambda x, o=order: read(x, o), lambda x, o=order: read(x + x.T.T, o)):
            with pytest.raises((UnsupportedError, OptionError), match=r"order.*|K"):
                irgrad.compile(f)(x)
    with pytest.raises(OptionError, match="got 'Z'"):
        irgrad.compile(lambda x: read(x, "Z"))(x)


def test_an_order_of_memory_alone_does_not_matter() -> None:
    orders: Any = "CFAK"  # NumPy types them as literals
    for order in orders:
        for x in (array(4), array(1, 5, 1), array(0, 3), np.array(2.0)):
            same_as_numpy(lambda x, o=order: np.ravel(x, o), x)
        x = np.asfortranarray(array(2, 3))
        same_as_numpy(lambda x, o=order: x.copy(o) + np.copy(x, o) + x.astype("f4", order=o), x)
    with pytest.raises(OptionError, match="order"):
        irgrad.compile(lambda x: x.copy("Z"))(1.0)
