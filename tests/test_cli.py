"""The command line: what it prints, and its exit status."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest

import irgrad
from irgrad.cli import main
from irgrad.cli.show import narrow


@pytest.fixture(autouse=True)
def plain_terminal(monkeypatch) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("NO_COLOR", "1")


def run(capsys, *argv: str, status: int = 0) -> str:
    """The command's standard output; of its errors, standard error."""
    try:
        got = main(argv)
    except SystemExit as stop:
        got = stop.code
    captured = capsys.readouterr()
    assert got == status, captured.err
    return captured.err if status else captured.out


def test_grad_shows_value_and_gradients(capsys) -> None:
    out = run(capsys, "grad", "x**2 + sin(y)", "--at", "x=3", "--at", "y=0.5", "--check")
    assert "= 9.479425538604" in out
    assert "6.0" in out and "0.877582" in out
    assert out.count("agrees with central differences") == 2


def test_grad_as_json(capsys, tmp_path) -> None:
    np.save(tmp_path / "w.npy", np.ones((2, 3), np.float32))
    out = run(capsys, "grad", "sum(W @ x)", "--at", f"W=@{tmp_path / 'w.npy'}", "--at",
              "x=[1, 2, 3]", "--wrt", "W", "--format", "json", "--dump", "--check")  # fmt: skip
    data = json.loads(out)
    assert data["value"] == 12.0
    assert data["gradients"] == {"W": [[1, 2, 3], [1, 2, 3]]}
    assert data["relative_errors"]["W"] < 1e-6
    assert data["backend"] in irgrad.backends()
    assert irgrad.parse(data["graph"]).output_names == ("out", "d_W")


def test_json_has_no_bare_nan(capsys) -> None:
    out = run(capsys, "grad", "log(x)", "--at", "x=0.0", "--format", "json")
    assert json.loads(out)["value"] == "-inf"


def test_grad_dumps_the_graph(capsys) -> None:
    out = run(capsys, "grad", "x * x", "--at", "x=3.0", "--dump", "--backend", "numpy")
    graph = irgrad.parse(out[out.index("graph @") :])
    assert graph.output_names == ("out", "d_x")


def test_values_may_be_constant_expressions_and_static(capsys) -> None:
    run(capsys, "grad", "sum(x[1:])", "--at", "x=linspace(0, 1, 4)")
    out = run(capsys, "grad", "x[i]", "--at", "x=[1, 2]", "--at", "i=1", "--wrt", "x")
    assert "[0. 1.]" in out


def test_large_arrays_are_summarised(capsys) -> None:
    out = run(capsys, "grad", "sum(x)", "--at", "x=ones((100, 100))")
    assert "f64[100,100]" in out and len(out.splitlines()) < 15


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["grad", "sine(x)", "--at", "x=1"], "did you mean 'sin'?"),
        (["grad", "x + y", "--at", "x=1"], "needs a value for y"),
        (["grad", "x", "--at", "z=1"], "has no argument 'z'; it has x"),
        (["grad", "abc", "--at", "abd=1"], "did you mean 'abc'?"),
        (["grad", "x", "--at", "x"], "not of the form name=value"),
        (["grad", "x", "--at", "x=1", "--at", "x=2"], "gives 'x' twice"),
        (["grad", "x", "--at", "x=y"], "it mentions y"),
        (["grad", "x", "--at", "x=open('f')"], "unknown function 'open'"),
        (["grad", "x", "--at", "x=@missing.npy"], "cannot read missing.npy"),
        (["grad", "x", "--at", "x=[[1], [1, 2]]"], "not an array"),
        (["grad", "x", "--at", "x=[1, 2]"], "grad needs a scalar"),
        (
            ["grad", "x * 2", "--at", "x=1", "--wrt", "z"],
            "--wrt z: the expression",
        ),
        (["grad", "x * 2", "--wrt", "x"], "--wrt x: it has no value"),
        (["grad", "1 + 2"], "no argument to differentiate to"),
        (["grad", "nowhere.py:f", "--at", "x=1"], "there is no file nowhere.py"),
        (["grad", "my models/loss (2).py:f", "--at", "x=1"], "is no file my models/loss (2).py"),
        (["grad", "x", "--at", "x=1", "--backend", "nmpy"], "no backend called 'nmpy'"),
        (["dump", "nowhere.py:f"], "there is no file nowhere.py"),
        (["dump", "no_such_module:f"], "there is no module 'no_such_module'"),
        (["dump", "os.path:jion"], "did you mean 'join'?"),
        (["dump", "os:path"], "is a module, not a function"),
        (["dump", "loss"], "does not name a function"),
        (["dump", "--expr", "x", "--args", "f99[2]"], "f99[2]"),
        (["dump", "--expr", "x", "--args", "open('f')"], "neither a type nor a literal"),
        (["dump", "--expr", "x", "--args", "f64"], "hint: f64[]?"),
        (["dump", "--expr", "x", "--args", "float64[2,3]"], "hint: f64[2,3]?"),
        (["dump", "--expr", "x", "--args", "[f64[2]"], "'[' was never closed"),
        (["dump", "--expr", "x", "--args", "x=f64[], x=2.0"], "each keyword is given once"),
        (["dump", "--expr", "x", "--args", "**f64[]"], "each keyword is given once"),
        (["grad", "x**2", "--at", "x=[1, [2]]"], "--at x: not an array"),
        (["dump", "--expr", "x + y", "--args", "f64[]"], "missing a required argument"),
        (["run", "missing.ir"], "cannot read missing.ir"),
    ],
)
def test_wrong_input_is_a_panel_and_status_1(capsys, argv, message: str) -> None:
    err = run(capsys, *argv, status=1)
    assert message in " ".join(err.replace("│", " ").split())
    assert "Traceback" not in err


@pytest.mark.parametrize(
    "argv",
    [
        [],
        ["frobnicate"],
        ["grad"],
        ["grad", "x", "--format", "xml"],
        ["dump"],
        ["dump", "a:b", "--expr", "x"],
        ["dump", "--expr", "x", "--wrt", "x"],
        ["dump", "--expr", "x", "--stage", "none"],
    ],
)
def test_wrong_usage_is_status_2(capsys, argv) -> None:
    assert "usage: irgrad" in run(capsys, *argv, status=2)


def test_pickles_are_refused(capsys, tmp_path) -> None:
    np.save(tmp_path / "o.npy", np.array([{}], object), allow_pickle=True)
    np.savez(tmp_path / "several.npz", a=np.ones(2))
    for name, message in (("o.npy", "not a .npy file of numbers"), ("several.npz", "several")):
        err = run(capsys, "grad", "x", "--at", f"x=@{tmp_path / name}", status=1)
        assert message in " ".join(err.replace("│", " ").split())


@pytest.fixture
def model(tmp_path, monkeypatch):
    """A folder with `model_for_cli.py`, which is the current one."""
    (tmp_path / "model_for_cli.py").write_text(
        textwrap.dedent("""
        import irgrad
        import numpy as np

        def loss(W, x, n=2):
            h = np.tanh(W @ x)
            return np.sum(h**n)

        def total(W, *, x, n):
            return loss(W, x, n)

        def square(x=3.0):
            return x * x

        def fails(x):
            return x * (1 / 0)

        gradient = irgrad.grad(loss, "x")
        formula = "x**2"
        """)
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.delitem(sys.modules, "model_for_cli", raising=False)
    yield "model_for_cli"
    sys.modules.pop("model_for_cli", None)


@pytest.mark.parametrize("place", ["model_for_cli", "model_for_cli.py"])
def test_dump_of_a_function(capsys, model, place) -> None:
    out = run(capsys, "dump", f"{place}:loss", "--args", "f64[4,3], f64[3]", "--stage", "lowered")
    graph = irgrad.parse(out)
    assert graph.input_names == ("W", "x")
    assert "tanh(" in out and "@model_for_cli.py:6" in out


@pytest.mark.parametrize(
    ("code", "said", "line"),
    [
        ("def f(x):\n    return x + undefined", "raised NameError: name 'undefined'", 2),
        ("def f(x):\n    return {}['key']", "raised KeyError: 'key'", 2),
        ("def f(x):\n    assert x is None, 'no x'", "raised AssertionError: no x", 2),
        ("def f(x):\n    raise StopIteration", "raised StopIteration", 2),
        ("def f():\n    return 1", "f takes (), and got 1 argument: too many", 1),
        ("import math\ndef f(x):\n    return math.comb('a', 2)", "raised TypeError", 3),
        ("def f(x):\n    return np.sum(x)", "NameError: name 'np'", 2),
        ("def g(x):\n    return 1 / 0\ndef f(x):\n    return g(x)", "ZeroDivisionError", 2),
        ("value = 1 / 0\ndef f(x):\n    return x", "raised ZeroDivisionError", 1),
        ("def f(x:\n    return x", "raised SyntaxError", 1),
        ("import missing_module_of_mine", "No module named 'missing_module_of_mine'", 1),
        ("import sys\nsys.exit('not now')", "raised SystemExit: not now", 2),
    ],
)
@pytest.mark.parametrize("more", [[], ["--grad"]])
def test_exceptions_of_the_user_s_code(capsys, model, tmp_path, code, said, line, more) -> None:
    name = f"broken_{abs(hash((code, *more)))}"
    (tmp_path / f"{name}.py").write_text(code)
    for place in (name, f"{name}.py"):
        err = run(capsys, "dump", f"{place}:f", "--args", "f64[]", *more, status=1)
        text = " ".join(err.replace("│", " ").split())
        assert said in text and "Traceback" not in text
        assert (f"at {name}.py:{line}" in text) == (line is not None)
        sys.modules.pop(name, None)


def test_exceptions_where_no_line_is_the_user_s(capsys) -> None:
    err = run(capsys, "dump", "numpy:hypot", "--args", "f64[2]", status=1)
    assert "hypot takes (x1, x2, /), and got 1 argument: missing a required argument:" in err
    assert "  at " not in err


def test_grad_of_a_function(capsys, model) -> None:
    given = ("--at", "W=ones((2, 2))", "--at", "x=[0.1, 0.2]", "--backend", "numpy")
    out = run(capsys, "grad", "model_for_cli.py:loss", *given, "--check")
    assert out.count("agrees with central differences") == 2
    out = run(
        capsys, "grad", "model_for_cli:total", *given, "--at", "n=3", "--wrt", "W", "--check",
        "--format", "json",
    )  # fmt: skip
    data = json.loads(out)
    assert list(data["gradients"]) == ["W"] and data["relative_errors"]["W"] < 1e-6
    np.testing.assert_allclose(data["value"], 2 * np.tanh(0.3) ** 3)
    assert "no argument has a value" in run(capsys, "grad", "model_for_cli:square", status=1)
    err = run(capsys, "grad", "model_for_cli:fails", "--at", "x=1", status=1)
    assert "raised ZeroDivisionError" in err


def test_dump_of_gradients_and_stages(capsys, model) -> None:
    common = ["dump", "model_for_cli:loss", "--args", "f64[4,3], x=f64[3], n=3", "--grad"]
    sizes = {}
    for stage in ("lowered", "differentiated", "optimised"):
        out = run(capsys, *common, "--wrt", "W", "--wrt", "x", "--stage", stage)
        sizes[stage] = len(irgrad.parse(out))
    assert sizes["lowered"] < sizes["optimised"] <= sizes["differentiated"]
    out = run(capsys, *common, "--wrt", "0")
    assert irgrad.parse(out).output_names == ("d_W",)


def test_dump_takes_transformations_and_strings_as_they_are(capsys, model) -> None:
    out = run(capsys, "dump", "model_for_cli:gradient", "--args", "f64[4,3], f64[3]")
    assert irgrad.parse(out).output_names == ("d_x",)
    out = run(capsys, "dump", "model_for_cli:formula", "--args", "f64[]")
    assert len(irgrad.parse(out)) == 1


def test_dump_as_json_and_dot(capsys) -> None:
    common = ["dump", "--expr", "sum(x**2)", "--args", "f64[3]", "--grad"]
    graph = irgrad.from_json(run(capsys, *common, "--format", "json"))
    assert graph == irgrad.parse(run(capsys, *common))
    assert run(capsys, *common, "--format", "dot").startswith('digraph "expression" {')


def test_run_of_edited_text(capsys, tmp_path, monkeypatch) -> None:
    text = run(capsys, "dump", "--expr", "sum(W @ x)", "--args", "f64[2,2], f64[2]")
    file = tmp_path / "edited.ir"
    file.write_text(text.replace("sum", "prod") if "prod(" in text else text)
    at = ["--at", "W=eye(2)", "--at", "x=[3, 4]"]
    assert "7.0" in run(capsys, "run", str(file), *at)
    data = json.loads(run(capsys, "run", str(file), *at, "--format", "json"))
    assert data["outputs"] == {"out": 7.0}
    monkeypatch.setattr("sys.stdin", io.StringIO(text))
    assert "7.0" in run(capsys, "run", "-", *at)


def test_run_of_the_json_form(capsys, tmp_path) -> None:
    file = tmp_path / "graph.json"
    file.write_text(run(capsys, "dump", "--expr", "x * 2.0", "--args", "f64[]", "--format", "json"))
    assert "7.0" in run(capsys, "run", str(file), "--at", "x=3.5")


def test_run_shows_the_guilty_line(capsys, tmp_path) -> None:
    file = tmp_path / "bad.ir"
    file.write_text(
        "graph @f(%x: f64[]) -> (out: f64[]) {\n  %y: f64[] = sine(%x)\n return out=%y }"
    )
    err = run(capsys, "run", str(file), "--at", "x=1", status=1)
    assert "line 2: unknown op 'sine'" in err and "did you mean 'sin" in err
    file.write_bytes(b"\xff\xfe\x00")
    assert "is not a text" in run(capsys, "run", str(file), status=1)


def test_backends_and_version(capsys) -> None:
    out = run(capsys, "backends")
    assert "numpy" in out and "default" in out
    assert run(capsys, "--version") == f"irgrad {irgrad.__version__}\n"


@pytest.mark.parametrize("command", [[], ["grad"], ["dump"], ["run"]])
def test_help_teaches_with_examples(capsys, command) -> None:
    out = run(capsys, *command, "--help")
    assert "examples:" in out
    assert max(map(len, out.splitlines())) <= 100


def test_demo(capsys) -> None:
    out = run(capsys, "demo")
    for part in ("@mlp.py:4", "%h.bar", "relative error", "passes", "d_W1", "each call"):
        assert part in out
    assert max(map(len, out.splitlines())) <= 100


def test_narrow_keeps_the_program() -> None:
    text = irgrad.compile(irgrad.grad("0.5 * sum((W @ x - y)**2)", (0, 1))).dump(
        *[irgrad.spec(t) for t in ("f64[4,3]", "f64[3]", "f64[4]")]
    )
    shown = narrow(text, 90)
    assert irgrad.parse(shown) == irgrad.parse(text)
    assert max(map(len, shown.splitlines())) <= 90


def test_as_a_program() -> None:
    command = [sys.executable, "-m", "irgrad"]
    done = subprocess.run([*command, "grad", "x**2", "--at", "x=3"], capture_output=True, text=True)
    assert done.returncode == 0 and "6.0" in done.stdout and "\x1b" not in done.stdout
    failed = subprocess.run([*command, "grad", "x**"], capture_output=True, text=True)
    assert failed.returncode == 1 and "ExpressionError" in failed.stderr


def test_dump_draws(capsys) -> None:
    argv = ["dump", "--expr", "sum(sin(x)**2)", "--args", "f64[3]", "--grad", "--format"]
    assert run(capsys, *argv, "svg").startswith("<svg")
    assert "cos(x)" in run(capsys, *argv, "blackboard")


def test_a_backend_that_does_not_load_is_named(capsys, monkeypatch) -> None:
    from importlib.metadata import EntryPoint

    from irgrad.errors import BackendError
    from irgrad.runtime import backend

    broken = EntryPoint("broken", "no_such_module:Backend", backend.GROUP)
    found = {**backend._entry_points(), "broken": broken}
    monkeypatch.setattr(backend, "_entry_points", lambda: found)
    with pytest.raises(BackendError, match=r"backend 'broken' does not load: ModuleNotFoundError"):
        irgrad.compile(lambda x: x, backend="broken")
    assert "does not load" in run(capsys, "backends")
    assert "does not load" in run(capsys, "demo")


def test_wrt_takes_names_with_commas_and_again(capsys) -> None:
    values = ("--at", "x=3", "--at", "y=2", "--at", "z=5", "--format", "json")
    several = run(capsys, "grad", "x*y*z", *values, "--wrt", "x, y")
    again = run(capsys, "grad", "x*y*z", *values, "--wrt", "x", "--wrt", "y")
    assert json.loads(several)["gradients"] == json.loads(again)["gradients"] == {"x": 10, "y": 15}


@pytest.mark.parametrize("argv", [["grad", "-x**2", "--at", "x=3"], ["dump", "--expr", "-x"]])
def test_a_formula_that_begins_with_a_minus_leads_to_brackets(capsys, argv) -> None:
    assert "in brackets: '(-x**2)'" in run(capsys, *argv, status=2)
    assert '"x": -6.0' in run(capsys, "grad", "(-x**2)", "--at", "x=3", "--format", "json")


@pytest.mark.parametrize("args", [(), ("--args", "f64[3]"), ("--args", "f64[3], z=1")])
def test_dump_shows_the_signature_where_arguments_lack(capsys, tmp_path, args) -> None:
    (tmp_path / "m.py").write_text("def f(x, W, scale=2.0):\n    return W @ x * scale\n")
    err = run(capsys, "dump", f"{tmp_path / 'm.py'}:f", *args, status=1)
    said = " ".join(err.replace("│", " ").split())
    assert "f(x, W, scale=2.0): " in said
    assert "--args 'f64[3], f64[3]' gives the types of x, W" in said


@pytest.mark.skipif(
    not Path("/dev/full").exists(), reason="a device of Linux's that is always full"
)
def test_a_full_disk_is_one_line() -> None:
    with Path("/dev/full").open("w") as full:
        command = [sys.executable, "-m", "irgrad", "grad", "x", "--at", "x=1.0"]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 1
    assert done.stderr.startswith("irgrad: ")
    assert "Traceback" not in done.stderr


def test_pytrees_of_types_and_no_line_of_the_command_itself(capsys, tmp_path) -> None:
    path = tmp_path / "model.py"
    path.write_text("def loss(p, n=1):\n    return (p['w'] * n * p['b'][0]).sum()\n")
    out = run(capsys, "dump", f"{path}:loss", "--args", "{'w': f64[3], 'b': [f64[]]}, n=2")
    assert "%p.w: f64[3]" in out and "%p.b.0: f64[]" in out
    script = tmp_path / "irgrad"
    script.write_text("import sys\nfrom irgrad.cli.main import main\nsys.exit(main())\n")
    command = [sys.executable, str(script), "grad", "x**2", "--at", "x=True"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 1 and "which is static" in done.stderr
    assert "sys.exit" not in done.stderr
