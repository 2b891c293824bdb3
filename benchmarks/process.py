"""The driver's end of a worker: one question, one answer, and an end to waiting."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from benchmarks.environment import environment, forget

ROOT = Path(__file__).parent.parent


class Trouble(Exception):
    """A worker gave no result; `kind` is none, unsupported, error, overran, crashed or missing."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


class Process:
    """A running worker of one system; `facts` is what it said of itself."""

    def __init__(self, system: str, folder: Path, threads: int) -> None:
        self.system, self.threads = system, threads
        self.cache, self.log = folder / "cache" / system, folder / f"{system}.log"
        self.cache.mkdir(parents=True, exist_ok=True)
        self.child: int | None = None
        self.facts = self._start()

    def _start(self) -> dict[str, Any]:
        with self.log.open("a") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "benchmarks.worker", self.system],
                cwd=ROOT,
                env=environment(self.cache, self.threads),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                bufsize=0,
            )
        return self._answer(120)

    def open(self, workload: str | None, size: str | None, fresh: bool) -> None:
        """Fork for one row, after emptying the cache if `fresh`."""
        if self.process.poll() is not None:
            self._start()
        if fresh:
            forget(self.cache)
        self._send({"workload": workload, "size": size})
        self.child = self._answer(10)["pid"]

    def ask(self, command: str, limit: float, **details: Any) -> dict[str, Any]:
        """The answer of the fork, or `Trouble`."""
        self._send({command: details})
        answer = self._answer(limit)
        for kind in ("none", "unsupported", "error"):
            if kind in answer:
                raise Trouble(kind, answer[kind])
        if "closed" in answer:
            self.child = None
            raise Trouble("crashed", f"ended by signal {-answer['closed']}")
        return answer

    def close(self) -> None:
        """End the fork, if there is one."""
        if self.child is not None:
            try:
                self._send({"close": {}})
                self._answer(10)
            except Trouble:
                self.stop()
            self.child = None

    def stop(self) -> None:
        """End the worker itself."""
        if self.child is not None:
            _kill(self.child)
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe:
                pipe.close()
        self.child = None

    def _send(self, message: dict[str, Any]) -> None:
        assert self.process.stdin
        try:
            self.process.stdin.write((json.dumps(message) + "\n").encode())
        except OSError as error:
            raise Trouble("crashed", str(error)) from error

    def _answer(self, limit: float) -> dict[str, Any]:
        output = self.process.stdout
        assert output
        ready, _, _ = select.select([output], [], [], limit)
        if not ready:
            self._interrupt()
            raise Trouble("overran", f"no result in {limit:.0f} s")
        line = output.readline()
        if not line:
            raise Trouble("crashed", "the process ended")
        return json.loads(line)

    def _interrupt(self) -> None:
        """Kill what does not answer; the worker itself lives on if only its fork hung."""
        child, self.child = self.child, None
        if child is not None:
            _kill(child)
            output = self.process.stdout
            if output and select.select([output], [], [], 10)[0]:
                output.readline()
                return
        self.stop()


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return
