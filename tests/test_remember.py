"""What is compiled for a function or a method is made once, is its alone, and goes with it."""

from __future__ import annotations

import copy
import functools
import gc
import json
import pickle
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pytest

import irgrad
from irgrad.runtime import remember

TRACED: list[str] = []


class Model:
    def __init__(self, scale: float) -> None:
        self.scale = scale

    def __call__(self, x: Any) -> Any:
        return self.loss(x)

    def loss(self, x: Any) -> Any:
        TRACED.append("loss")
        return np.sum(self.scale * x**2)

    @irgrad.grad
    def gradient(self, x: Any) -> Any:
        return self.loss(x)

    @irgrad.compile
    def compiled(self, x: Any) -> Any:
        return self.loss(x)

    @functools.partial(irgrad.value_and_grad, argnums=(0, "y"))
    def both(self, x: Any, y: Any) -> Any:
        return self.loss(x) * y

    @irgrad.compile
    @irgrad.grad
    @irgrad.grad
    def second(self, x: Any) -> Any:
        return self.loss(x)


class Slotted(Model):
    __slots__ = ("scale",)


@dataclass
class Compared(Model):
    """Equal to all others of its scale, and unhashable."""

    scale: float


class Row(NamedTuple):
    """Takes no weak references."""

    scale: float

    def loss(self, x: Any) -> Any:
        return Model.loss(self, x)  # pyright: ignore[reportArgumentType]

    @irgrad.grad
    def gradient(self, x: Any) -> Any:
        return self.loss(x)


X = np.array([1.0, 2.0])
WAYS: dict[str, tuple[float, Callable[[Any], Any]]] = {
    "grad_of_method": (2, lambda m: irgrad.grad(m.loss)(X)[0]),
    "decorated": (2, lambda m: m.gradient(X)[0]),
    "vjp": (2, lambda m: irgrad.vjp(m.loss, X)[1](1.0)[0][0]),
    "jvp": (2, lambda m: irgrad.jvp(m.loss, (X,), (np.array([1.0, 0.0]),))[1]),
    "nested": (2, lambda m: irgrad.grad(irgrad.grad(m.loss))(1.0)),
}
MORE: dict[str, tuple[float, Callable[[Any], Any]]] = {
    **WAYS,
    "callable": (2, lambda m: irgrad.grad(m)(X)[0]),
    "compiled": (5, lambda m: m.compiled(X)),
    "both": (2, lambda m: m.both(X, 1.0)[1][0][0]),
    "second": (2, lambda m: m.second(1.0)),
    "grad_of_compiled": (2, lambda m: irgrad.grad(m.compiled)(X)[0]),
    "vjp_of_compiled": (2, lambda m: irgrad.vjp(m.compiled, X)[1](1.0)[0][0]),
    "grad_of_decorated": (2, lambda m: irgrad.grad(m.gradient)(1.0)),
    "inside": (2, lambda m: irgrad.compile(lambda x: m.gradient(x))(X)[0]),
    "partial": (2, lambda m: irgrad.grad(functools.partial(Model.loss, m))(X)[0]),
}
CASES = [
    pytest.param(kind, *case, id=f"{kind.__name__}-{name}")
    for kinds, cases in (((Model, Slotted, Compared), MORE), ((Row,), WAYS))
    for kind in kinds
    for name, case in cases.items()
]


@pytest.mark.parametrize(("kind", "slope", "way"), CASES)
def test_each_object_has_programs_of_its_own(kind: Any, slope: float, way: Any) -> None:
    """Also one that takes the place in memory of one that is gone."""
    models = [kind(scale) for scale in (1.0, 10.0, 1.0)]
    for model in [*models, *models]:
        assert way(model) == slope * model.scale
    for scale in range(2, 8):
        assert way(kind(float(scale))) == slope * scale


@pytest.mark.parametrize(("kind", "slope", "way"), CASES)
def test_a_method_is_traced_once(kind: Any, slope: float, way: Any, request: Any) -> None:
    model = kind(3.0)
    assert way(model) == slope * 3
    del TRACED[:]
    assert way(model) == slope * 3
    fresh = "inside" in request.node.name or "partial" in request.node.name
    assert bool(TRACED) == fresh, "a new function is traced anew, a method is not"


@pytest.mark.parametrize("name", MORE)
def test_objects_are_neither_kept_alive_nor_changed(name: str) -> None:
    model = Model(2.0)
    MORE[name][1](model)
    assert json.dumps(vars(model)) == '{"scale": 2.0}'
    for other in (copy.copy(model), copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        other.scale = 7.0
        assert MORE[name][1](other) == MORE[name][0] * 7
    gone = weakref.ref(model)
    del model
    gc.collect()
    assert gone() is None


def test_what_is_bound_keeps_its_object() -> None:
    for name in ("gradient", "compiled", "second"):
        method = getattr(Model(4.0), name)
        gc.collect()
        assert np.all(method(1.0) >= 4.0)


def test_functions_are_forgotten_with_all_that_was_made_for_them() -> None:
    gc.collect()
    before = len(remember._KEPT)  # pyright: ignore[reportPrivateUsage]
    for k in range(20):
        data = np.full(3, float(k))
        assert irgrad.grad(lambda x, data=data: np.sum(data * x))(data).tolist() == [k] * 3
    gc.collect()
    assert len(remember._KEPT) <= before + 1  # pyright: ignore[reportPrivateUsage]


def test_callables_without_weak_references_are_kept_up_to_a_number() -> None:
    rows = [Row(float(k)) for k in range(remember.MOST_HELD + 20)]
    for row in rows:
        assert irgrad.grad(row.loss)(1.0) == 2 * row.scale
    assert len(remember._HELD) == remember.MOST_HELD  # pyright: ignore[reportPrivateUsage]


def test_a_wrapper_shares_nothing_with_what_it_wraps() -> None:
    def f(x: Any) -> Any:
        return x * x

    assert irgrad.grad(f)(1.0) == 2

    @functools.wraps(f)
    def wrapper(x: Any) -> Any:
        return 10 * f(x)

    assert irgrad.grad(wrapper)(1.0) == 20
    assert irgrad.vjp(wrapper, 1.0)[0] == 10
    assert vars(f) == {}


def test_gradients_are_equal_where_they_are_of_the_same() -> None:
    one, other = Model(1.0), Model(1.0)
    for make in (lambda m: irgrad.grad(m.loss), lambda m: m.gradient, lambda m: irgrad.grad(m)):
        assert make(one) == make(one) and hash(make(one)) == hash(make(one))
        assert make(one) != make(other)
        assert irgrad.grad(make(one)) != make(one)
    assert irgrad.grad(one.loss, "x") != irgrad.grad(one.loss) != irgrad.value_and_grad(one.loss)


def test_class_and_static_methods() -> None:
    class Family:
        scale = 2.0

        @classmethod
        def of_class(cls, x: Any) -> Any:
            return cls.scale * x * x

        @staticmethod
        @irgrad.grad
        def static(x: Any) -> Any:
            return x * x

        sine = irgrad.grad(np.sin)

    class Other(Family):
        scale = 5.0

    assert irgrad.grad(Family.of_class)(1.0) == 4
    assert irgrad.grad(Other.of_class)(1.0) == 10
    assert Family.static(1.0) == Family().static(1.0) == 2
    assert Family().sine(0.0) == 1


def test_positions_of_a_decorated_method_count_without_self() -> None:
    value, (d_x, d_y) = Model(1.0).both(X, 3.0)
    assert (value, d_x.tolist(), d_y) == (15, [6, 12], 5)
    assert irgrad.grad(Model.loss, "x")(Model(1.0), 1.0) == 2


SCALE = 1.0


def scaled(x: Any) -> Any:
    return SCALE * x


class Scaled:
    factor = 1.0

    def __init__(self) -> None:
        self.inner = Scale()
        self.net = Scale()

    def attribute(self, x: Any) -> Any:
        return self.inner.scale * x

    def through_another(self, x: Any) -> Any:
        return self.attribute(x)

    def of_another(self, x: Any) -> Any:
        return self.net(x)

    def of_class(self, x: Any) -> Any:
        return self.factor * x


class Scale:
    def __init__(self, scale: float = 1.0) -> None:
        self.scale = scale

    def __call__(self, x: Any) -> Any:
        return self.times(x)

    def times(self, x: Any) -> Any:
        return self.scale * x


def set_global(scale: float) -> None:
    global SCALE
    SCALE = scale


def set_function(scale: float) -> None:
    globals()["scaled"] = lambda x: scale * x


def rebindings() -> dict[str, tuple[Callable[[Any], Any], Callable[[float], None]]]:
    """Functions that multiply by 1, and what makes another number of it."""
    scale, data, pair, held = 1.0, np.ones(()), (1.0, "a"), Scaled()

    def set_local(to: float) -> None:
        nonlocal scale, data, pair
        scale, data, pair = to, np.array(to), (to, "a")

    def local(x: Any) -> Any:
        return scale * x

    @irgrad.checkpoint
    def with_rule(x: Any) -> Any:
        return local(x)

    return {
        "local": (local, set_local),
        "array": (lambda x: data * x, set_local),
        "tuple": (lambda x: pair[0] * x, set_local),
        "in_a_lambda": (lambda x: (lambda y: scale * y)(x), set_local),
        "through_a_rule": (lambda x: with_rule(x), set_local),
        "partial": (functools.partial(lambda f, x: f(x), local), set_local),
        "global": (lambda x: SCALE * x, set_global),
        "through_a_function": (lambda x: scaled(x), set_global),
        "function": (lambda x: scaled(x), set_function),
        "attribute": (held.attribute, lambda to: setattr(held.inner, "scale", to)),
        "method": (
            held.through_another,
            lambda to: setattr(held, "inner", Scale(to)),
        ),
        "other": (held.of_another, lambda to: setattr(held.net, "scale", to)),
        "class": (held.of_class, lambda to: setattr(Scaled, "factor", to)),
        "object": (held.net, lambda to: setattr(held.net, "scale", to)),
        "closed_over": (lambda x: held.attribute(x), lambda to: setattr(held.inner, "scale", to)),
    }


ASKED: dict[str, Callable[[Any], Any]] = {
    "grad": lambda f: irgrad.grad(f)(1.0),
    "vmap": lambda f: irgrad.vmap(f)(np.ones(2))[1],
    "nested": lambda f: irgrad.vmap(irgrad.grad(f))(np.ones(2))[1],
    "jvp": lambda f: irgrad.jvp(f, (1.0,), (1.0,))[1],
    "vjp": lambda f: irgrad.vjp(f, 1.0)[1](1.0)[0],
    "linearize": lambda f: irgrad.linearize(f, 1.0)[1](1.0),
    "sparse_jacobian": lambda f: irgrad.sparse_jacobian(f)(np.ones(2)).toarray()[1, 1],
    "least_squares": lambda f: np.squeeze(irgrad.scipy.least_squares(f, 1.0).jac),
}


@pytest.mark.parametrize("asked", ASKED)
@pytest.mark.parametrize("name", rebindings())
def test_who_asks_anew_gets_what_the_names_stand_for_now(name: str, asked: str) -> None:
    """And who holds a transformation what they stood for when it was made."""
    (function, rebind), ask = rebindings()[name], ASKED[asked]
    held = irgrad.grad(function)
    try:
        for to in (1.0, 2.0, 5.0, 1.0):
            rebind(to)
            assert ask(function) == pytest.approx(to)
            assert held(1.0) == 1
    finally:
        rebind(1.0)
        globals()["scaled"] = SCALED


SCALED = scaled


def test_what_a_function_binds_itself_is_no_reason_to_trace_it_anew() -> None:
    calls = 0

    def counted(x: Any) -> Any:
        nonlocal calls
        calls += 1
        TRACED.append("counted")
        return calls * x

    assert [irgrad.grad(counted)(1.0) for _ in range(3)] == [1, 1, 1]


def test_a_budget_of_tapes_has_programs_of_its_own() -> None:
    """What was compiled without one does not serve a call inside a `with` block."""

    def f(x: Any) -> Any:
        return irgrad.fori_loop(0, 1000, lambda i, c: np.sin(c), x)

    def programs() -> Any:
        return remember.kept(irgrad.grad(f), object)

    free = programs()
    with irgrad.tape_budget(100):
        assert programs() is programs() is not free
    assert programs() is free


def test_names_do_not_keep_what_they_stand_for() -> None:
    def made() -> list[weakref.ref[Any]]:
        model = Scaled()

        def around(x: Any) -> Any:
            return model.through_another(x)

        assert irgrad.grad(around)(1.0) == irgrad.grad(around)(1.0) == 1
        return [weakref.ref(around), weakref.ref(model)]

    gone = made()
    gc.collect()
    assert [reference() for reference in gone] == [None, None]
