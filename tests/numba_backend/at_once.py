"""Running in many threads at once."""

from __future__ import annotations

import threading
from collections.abc import Callable


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
