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
        self.serial = 0
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
        return self._answer(120, None)

    def open(self, workload: str | None, size: str | None, fresh: bool) -> None:
        """Fork for one row, after emptying the cache if `fresh`."""
        if self.process.poll() is not None:
            self._start()
        if fresh:
            forget(self.cache)
        self.serial += 1
        self._send({"open": self.serial, "workload": workload, "size": size})
        answer = self._answer(30, self.serial)
        if "pid" not in answer:
            raise Trouble("crashed", "it died before it began")
        self.child = answer["pid"]

    def ask(self, command: str, limit: float, **details: Any) -> dict[str, Any]:
        """The answer of the fork, or `Trouble`."""
        if self.child is None:
            raise Trouble("crashed", "it is not running")
        self._send({command: details})
        answer = self._answer(limit, self.serial)
        answer.pop("serial")
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
                self._answer(30, self.serial)
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
        except (OSError, ValueError) as error:  # ended, or stopped from here
            raise Trouble("crashed", str(error)) from error

    def _answer(self, limit: float, serial: int | None) -> dict[str, Any]:
        """The next answer with this serial number; older ones came too late for who asked."""
        output = self.process.stdout
        assert output
        while select.select([output], [], [], limit)[0]:
            line = output.readline()
            if not line:
                raise Trouble("crashed", "the process ended")
            answer = json.loads(line)
            if answer.get("serial") == serial:
                return answer
        self._interrupt()
        raise Trouble("overran", f"no result in {limit:.0f} s")

    def _interrupt(self) -> None:
        """Kill what does not answer: the fork, after which the worker takes a next one."""
        if self.child is None:
            self.stop()
        else:
            _kill(self.child)
            self.child = None


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return
