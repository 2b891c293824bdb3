"""One process a system: it imports the system, then forks for every workload.

    python -m benchmarks.worker SYSTEM

It reads a JSON object a line and answers each with one, which repeats the serial number that came
with "open". The fork has just what a fresh process has
after its imports, so that the time to the first result is that of a new process without them; and
what a workload leaves behind in memory goes with it. Between "open" and "close" the fork answers
and its parent waits for it to end, in whatever way."""

from __future__ import annotations

import gc
import json
import os
import sys
import time
import timeit
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TextIO

Message = dict[str, Any]


def main(name: str) -> None:
    """Serve until the input ends."""
    requests, answers = os.fdopen(os.dup(0)), os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what the systems print is no answer

    begin = time.perf_counter()
    try:
        system = start(name)
    except Exception as error:
        _say(answers, {"missing": _summary(error)})
        return
    _say(
        answers, {"import": time.perf_counter() - begin, "version": getattr(system, "version", "")}
    )
    gc.collect()
    gc.freeze()  # so that the collector does not write to pages that forks share
    while line := requests.readline():
        request = json.loads(line)
        if "open" not in request:  # meant for a fork that died before it could read it
            continue
        pid = os.fork()
        if pid == 0:
            Case(system, request, answers).serve(requests)
            os._exit(0)
        _, status = os.waitpid(pid, 0)
        code = os.waitstatus_to_exitcode(status)
        _say(answers, {"closed": code, "serial": request["open"]})


def start(name: str) -> Any:
    """The system, or what times the limits of the machine."""
    if name == "limits":
        from benchmarks import limits

        return limits
    from benchmarks import systems

    return systems.start(name)


class Case:
    """A system at work on one size of one workload, in a process of its own."""

    def __init__(self, system: Any, request: Message, answers: TextIO) -> None:
        self.system, self.request, self.answers = system, request, answers
        self.calls: dict[str, Callable[[], Any]] = {}
        self.counts: dict[str, int] = {}

    def serve(self, requests: TextIO) -> None:
        """Answer until "close" or the end of the input."""
        self._say({"pid": os.getpid()})
        while line := requests.readline():
            request = json.loads(line)
            if "close" in request:
                return
            (command, details), *_ = request.items()
            try:
                self._say(getattr(self, command)(**details))
            except Exception as error:
                traceback.print_exc()
                self._say({self._kind(error): _summary(error)})

    def first(self, save: str) -> Message:
        """Build the gradient and call it once; save what it gives."""
        import numpy

        work, arguments = self._inputs()
        before = _memory_reset()
        begin = time.perf_counter()
        call = self.system.gradient(work, arguments)
        result = call()
        seconds = time.perf_counter() - begin
        peak = _peak_memory() - before
        self.calls["gradient"] = call
        if save:
            arrays = [numpy.asarray(a, float) for a in self.system.arrays(result)]
            numpy.savez(save, *arrays)
        return {"first": seconds, "peak": peak}

    def prepare(self) -> Message:
        """Build the function alone and call it once."""
        work, arguments = self._inputs()
        self.calls["function"] = self.system.function(work, arguments)
        self.calls["function"]()
        return {"ready": True}

    def limits(self) -> Message:
        """Build the calls that bound a workload; without one, those that describe the machine."""
        if self.request["workload"] is None:
            found = self.system.machine()
            self.calls = {name: call for name, (call, _, _) in found.items()}
            return {name: [amount, unit] for name, (_, amount, unit) in found.items()}
        work, arguments = self._inputs()
        bounds: Mapping[str, Any] = work.limits(*arguments) if work.limits else {}
        self.calls = dict(bounds)
        for call in self.calls.values():
            call()
        return dict.fromkeys(self.calls, True)

    def round(self, call: str, seconds: float) -> Message:
        """Seconds a call, over as many calls as fill the time. One call goes before: its threads
        sleep, and its memory is in nobody's cache.
        """
        timer, count = timeit.Timer(self.calls[call]), self.counts.get(call, 1)
        self.calls[call]()
        while (taken := timer.timeit(count)) < 0.7 * seconds:
            count = max(2 * count, int(count * seconds / max(taken, 1e-9)))
        self.counts[call] = max(1, int(count * seconds / taken))
        return {"seconds": taken / count}

    def _say(self, message: Message) -> None:
        _say(self.answers, {**message, "serial": self.request["open"]})

    def _kind(self, error: Exception) -> str:
        if type(error).__name__ == "NoProgram":
            return "none"
        refusals = getattr(self.system, "unsupported", ())
        return "unsupported" if isinstance(error, refusals) else "error"

    def _inputs(self) -> tuple[Any, Any]:
        from benchmarks import workload

        work = workload.load(self.request["workload"])
        return work, work.make(*work.size(self.request["size"]).parameters)


def _say(answers: TextIO, message: Message) -> None:
    answers.write(json.dumps(message) + "\n")
    answers.flush()


def _summary(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    if type(error).__name__ == "NoProgram":
        return lines[0]
    return f"{type(error).__name__}: {lines[0] if lines else ''}"[:200]


def _memory_reset() -> int:
    """Forget the peak so far, where the system allows; the bytes in use now."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return _peak_memory()
    return _status("VmRSS")


def _peak_memory() -> int:
    """The most bytes in use since the last reset."""
    if Path("/proc/self/status").exists():
        return _status("VmHWM")
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # bytes on macOS


def _status(key: str) -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(key + ":"):
            return int(line.split()[1]) * 1024
    return 0


if __name__ == "__main__":
    main(sys.argv[1])
