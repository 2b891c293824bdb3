"""The benchmarks themselves: every workload on small inputs, a worker, the reports."""

from __future__ import annotations

import os
import signal
import xml.etree.ElementTree
from pathlib import Path

import numpy as np
import pytest

from benchmarks import loop_table, loops, workload
from benchmarks.analysis import analysis, page
from benchmarks.measure import Options, Run
from benchmarks.picture import picture
from benchmarks.process import Process, Trouble
from benchmarks.reference import CLOSE, EQUAL, Reference
from benchmarks.results import Outcome, Results, Row
from benchmarks.systems import start
from benchmarks.systems.by_hand import NP
from benchmarks.tables import duration, markdown, ratio, report

NAMES = [*workload.names(), *loops.PROGRAMS]
BY_HAND = [name for name in NAMES if workload.load(name).gradient]
# Value and gradient, which differences check; other results have references of their own.
GRADIENTS = [name for name in BY_HAND if not workload.load(name).calls]


def case(name: str) -> tuple[workload.Workload, workload.Arguments]:
    work = workload.load(name)
    return work, work.make(*work.tiny)


@pytest.mark.parametrize("name", GRADIENTS)
def test_gradients_by_hand_agree_with_differences(name: str) -> None:
    work, arguments = case(name)
    reference = Reference(work, arguments)
    found, reference.exact = reference.exact, None
    assert found is not None and reference.deviation(found) < CLOSE


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("backend", ["numpy", "numba"])
def test_irgrad_agrees_with_the_reference(name: str, backend: str) -> None:
    work, arguments = case(name)
    reference = Reference(work, arguments)
    system = start(f"irgrad-{backend}")
    result = system.arrays(system.gradient(work, arguments)())
    assert reference.deviation([np.asarray(a) for a in result]) < reference.tolerance
    value = system.function(work, arguments)()
    expected = work.program("numpy", NP, arguments)(*workload.arrays(arguments))
    np.testing.assert_allclose(value, expected, rtol=1e-12)


@pytest.mark.parametrize("name", loops.NAMES)
def test_functions_in_loops_agree_with_numpy(name: str) -> None:
    work, arguments = case(name)
    assert work.primal is not None
    value = work.primal().py_func(*arguments)  # pyright: ignore[reportFunctionMemberAccess]
    np.testing.assert_allclose(value, start("numpy").function(work, arguments)(), rtol=1e-12)


@pytest.mark.parametrize("name", BY_HAND)
def test_a_wrong_gradient_is_noticed(name: str) -> None:
    reference = Reference(*case(name))
    *first, last = reference.exact or ()
    for exact in (reference.exact, None) if name in GRADIENTS else (reference.exact,):
        reference.exact = exact
        assert reference.deviation([*first, 1.01 * last]) > EQUAL
        assert reference.deviation([*first, np.append(last, 0.0)]) > 1


def test_labels_of_sizes_are_unique() -> None:
    for name in NAMES:
        labels = [size.label for size in workload.load(name).sizes]
        assert len(set(labels)) == len(labels)


def test_a_run_with_a_system_that_has_no_gradient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("benchmarks.measure.confine", lambda threads: None)
    monkeypatch.setattr(Run, "_machine", lambda self: None)
    monkeypatch.setattr(Run, "_limits", lambda self, row: [])
    systems = ["irgrad-numpy", "numpy", "numba"]
    options = Options(systems, ["cholesky"], rounds=2, seconds=0.001)
    run = Run(options, lambda text: None, lambda results: None)
    results = run()
    assert [row.name for row in results.rows] == ["cholesky, n = 40", "cholesky, n = 80"]
    outcomes = results.rows[0].outcomes
    assert outcomes["irgrad-numpy"].problem == ""  # loops and assignments, unmodified
    assert outcomes["numpy"].problem == "-" and outcomes["numpy"].function
    assert all(process.process.poll() is not None for process in run.processes.values())


def test_a_worker_survives_what_takes_too_long_and_what_dies(tmp_path: Path) -> None:
    process = Process("irgrad-numpy", tmp_path, threads=1)
    try:
        process.open("scan_3x3", "10,000 steps", fresh=True)
        with pytest.raises(Trouble, match="no result"):
            process.ask("first", 0.01, save="")
        process.open("rosenbrock", "n = 2", fresh=True)
        assert process.child is not None
        os.kill(process.child, signal.SIGKILL)
        with pytest.raises(Trouble, match="ended by signal 9"):
            process.ask("first", 60, save="")
        process.open("rosenbrock", "n = 2", fresh=True)
        assert process.ask("first", 60, save="")["first"] > 0
        process.close()
        process.stop()
        process.open("rosenbrock", "n = 2", fresh=True)
        with pytest.raises(Trouble, match="KeyError"):  # in a new process nothing is prepared
            process.ask("round", 60, call="gradient", seconds=0.001)
    finally:
        process.stop()


@pytest.fixture
def results() -> Results:
    fine = Outcome(0.5, 0.01, 10**7, 1e-6, 0.5e-6, 1e-16)
    slow = Outcome(1.0, None, 10**8, 5e-6, None, 1e-16)
    wrong = Outcome(problem="wrong", detail="deviates by 1e+00")
    row = Row("rosenbrock", "n = 2", {"irgrad-numba": fine, "jax": slow, "torch": wrong})
    row.limits["bare call <&>"] = 0.5e-6
    grown = Row("growth", "100 nodes", {"irgrad-numba": fine, "jax": slow})
    systems = {
        "irgrad-numba": {"version": "1", "import": 0.1},
        "jax": {"version": "2", "import": 0.2},
        "torch": {"version": "3", "import": 0.3},
        "casadi": {"missing": "no module"},
    }
    return Results({"date": "today"}, {"copy": "9 GB/s"}, systems, [row, grown])


def test_results_are_read_back(results: Results, tmp_path: Path) -> None:
    results.save(tmp_path / "r.json")
    assert Results.load(tmp_path / "r.json") == results


def test_reports_show_ratios_problems_and_aims(results: Results) -> None:
    ratios = report(results)[0]
    assert ratios.rows[0] == ["rosenbrock, n = 2", "1.00 us", "5.00x", "wrong", "2.00x"]
    text = markdown(page(results), "r.svg")
    assert "deviates by 1e+00" in text and "no module" in text and "9 GB/s" in text
    bounds, aims = analysis(results)
    assert bounds.rows[0][1:] == ["bare call <&>", "500 ns", "1.00 us", "2.00x"]
    met = {aim: reached for _, aim, _, reached in aims.rows}
    assert met["5x faster than jax"] == "yes" and met["3x faster than pytensor"] == "-"
    assert met["at most 1.00 us"] == "yes" and met["second process: at most 50 ms"] == "yes"


def test_the_table_of_the_loop_programs_has_their_means() -> None:
    own, peer = Outcome(0.5, gradient=4e-3, function=2e-3), Outcome(2.0, gradient=8e-3)
    by_hand = {"numpy": Outcome(function=6e-3), "numba": Outcome(function=1e-3)}
    rows = [Row(name, "n = 2", {"irgrad-numba": own, "jax": peer, **by_hand}) for name in "ab"]
    rows.insert(1, Row("a", "n = 4", {"irgrad-numba": Outcome(1.0)}))
    rows[2].outcomes["numba"] = Outcome(function=4e-3)
    steady, first, means = loop_table.sheets(Results(rows=rows))
    assert steady.rows[0][-3:] == ["4.00x", "2.00x", "1.50x"] and len(steady.rows) == 2
    assert first.rows[0] == ["a, n = 2", "500 ms", "2.00 s", "n = 4", "1.00 s", "2.00x"]
    assert means.rows[0] == ["gradient / function in Numba", "2.00", "4.00", "a, n = 2", "2 of 2"]


def test_the_picture_is_xml_with_a_mark_for_each_ratio(results: Results) -> None:
    root = xml.etree.ElementTree.fromstring(picture(results))
    titles = [node.text for node in root.iter("{http://www.w3.org/2000/svg}title")]
    assert "jax: 5x" in titles and "limit: 0.5x" in titles
    for text in root.iter("{http://www.w3.org/2000/svg}text"):
        if text.get("text-anchor") == "end":
            assert float(text.get("x", 0)) > 6 * len(text.text or "")


def test_numbers_have_three_digits() -> None:
    assert [duration(x) for x in (2e-9, 9.999e-7, 1.5, 0.0123)] == [
        "2.00 ns", "1.00 us", "1.50 s", "12.3 ms",
    ]  # fmt: skip
    assert ratio(1.0, 0.0005) == "2,000x" and ratio(None, 1.0) == "-"
