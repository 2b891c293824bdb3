"""Running in many threads at once, and with several numbers of threads."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

from irgrad_numba.thread_count import VARIABLE


def threads_of(run: Callable[[int], None], count: int = 8) -> None:
    """Run in `count` threads at once; an error in any is raised here."""
    errors: list[BaseException] = []

    def guarded(number: int) -> None:
        try:
            run(number)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=guarded, args=(k,)) for k in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]


def outputs_of(script: str, *counts: int) -> set[bytes]:
    """What a script prints, each time in a process of its own, with such numbers of threads."""
    return {
        subprocess.run(
            [sys.executable, "-c", script],
            env={**os.environ, VARIABLE: str(count)},
            cwd=Path(__file__).parents[2],
            capture_output=True,
            check=True,
        ).stdout
        for count in counts
    }
