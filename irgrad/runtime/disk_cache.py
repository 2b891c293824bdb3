"""Results of compilation kept on disk between processes, for any backend.

Files lie in the user's cache folder, which nobody else may enter (mode 0700). A file is read only
where it is a regular file of the user's own that nobody else may write, and holds what its checksum
says; anything else counts as absent, and is made anew. Contents are bytes that a backend gives
meaning: nothing is unpickled.

Files are written under another name and moved into place, so that processes may share the folder.
When all files are larger than a limit, those used longest ago go."""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import stat
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from irgrad.errors import OptionError

MAGIC = b"irgrad cache 1\n"
SUFFIX = ".bin"
LIMIT = 256 * 2**20
"""Bytes of all files; `IRGRAD_CACHE_BYTES` sets another limit."""
SHARE_CHECKED = 32
"""One write in so many looks whether the limit is passed."""


class Usage(NamedTuple):
    """What the cache holds."""

    folder: Path
    files: int
    nbytes: int
    limit: int
    unused: str
    """Why it is not in use; nothing where it is."""


def folder() -> Path:
    """The cache folder: `IRGRAD_CACHE_DIR`, else irgrad's own in the user's cache folder; for a
    user without a home, one among temporary files.
    """
    chosen = os.environ.get("IRGRAD_CACHE_DIR")
    caches = os.environ.get("XDG_CACHE_HOME", "") if sys.platform != "darwin" else ""
    try:
        if chosen:
            return Path(chosen).expanduser()
        if Path(caches).is_absolute():
            return Path(caches, "irgrad")
        home = Path.home()
    except RuntimeError:
        return Path(tempfile.gettempdir(), f"irgrad-{os.geteuid()}")
    return home / ("Library/Caches" if sys.platform == "darwin" else ".cache") / "irgrad"


OFF = ("0", "no", "off", "false")


def enabled() -> bool:
    """Whether the cache is wanted: `IRGRAD_CACHE=0` (or `no`, `off`, `false`) turns it off."""
    return os.environ.get("IRGRAD_CACHE", "1").strip().lower() not in OFF


def unused() -> str:
    """Why the cache is not in use; nothing where it is."""
    if not enabled():
        return f"IRGRAD_CACHE={os.environ['IRGRAD_CACHE']}"
    where = folder()
    try:
        if _is_own_folder(where):
            return "" if os.access(where, os.W_OK | os.X_OK) else "it cannot be written to"
        if not stat.S_ISDIR(where.lstat().st_mode):
            return "it is no folder"
        return "others may enter it; chmod 700 makes it yours"
    except FileNotFoundError:
        there = next(path for path in where.absolute().parents if path.exists())
        can_be_made = there.is_dir() and os.access(there, os.W_OK | os.X_OK)
        return "" if can_be_made else "it cannot be made"
    except OSError as error:
        return error.strerror or "it cannot be read"


def limit() -> int:
    """Bytes that all files may take; an `OptionError` where the variable is no number."""
    given = os.environ.get("IRGRAD_CACHE_BYTES", "").strip()
    if not given:
        return LIMIT
    if not given.isdecimal():
        raise OptionError(
            f"IRGRAD_CACHE_BYTES={given}: expected a number of bytes",
            hint="set it to 268435456 for 256 MiB",
        )
    return int(given)


def key_of(*parts: str) -> str:
    """A name for what `parts` determine.

    >>> key_of("a", "bc") == key_of("ab", "c")
    False
    """
    hasher = hashlib.sha256()
    for part in parts:
        data = part.encode()
        hasher.update(b"%d:" % len(data) + data)
    return hasher.hexdigest()


def get(key: str) -> bytes | None:
    """What was put under `key`; None where there is nothing, or nothing to be trusted."""
    if not enabled():
        return None
    path = folder() / f"{key}{SUFFIX}"
    try:
        data = _read_own(path)
    except OSError:
        return None
    head = len(MAGIC) + 32
    if data is None or data[: len(MAGIC)] != MAGIC:
        return None
    content = data[head:]
    if hashlib.sha256(key.encode() + content).digest() != data[len(MAGIC) : head]:
        return None
    with contextlib.suppress(OSError):
        os.utime(path)  # used now
    return content


def put(key: str, content: bytes) -> None:
    """Keep `content` under `key`, where the folder is the user's own; else do nothing."""
    if not enabled():
        return
    limit()  # an error of the user's is raised, those of the disk are not
    where = folder()
    checksum = hashlib.sha256(key.encode() + content).digest()
    temporary = where / f"{key}.{secrets.token_hex(8)}.tmp"
    try:
        where.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not _is_own_folder(where):
            return
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(MAGIC + checksum + content)
        temporary.replace(where / f"{key}{SUFFIX}")
    except OSError:
        with contextlib.suppress(OSError):
            temporary.unlink()
        return
    if secrets.randbelow(SHARE_CHECKED) == 0:
        shrink()


def shrink() -> None:
    """Remove files until all fit into the limit, those used longest ago first."""
    found = sorted(_files(), key=lambda item: item[1].st_mtime)
    total = sum(status.st_size for _, status in found)
    for path, status in found:
        if total <= limit():
            return
        with contextlib.suppress(OSError):
            path.unlink()
        total -= status.st_size


def clear() -> int:
    """Remove all files -> how many there were."""
    count = 0
    for path, _ in list(_files()):
        with contextlib.suppress(OSError):
            path.unlink()
            count += 1
    return count


def usage() -> Usage:
    """What the cache holds now."""
    sizes = [status.st_size for _, status in _files()]
    return Usage(folder(), len(sizes), sum(sizes), limit(), unused())


def _files() -> Iterator[tuple[Path, os.stat_result]]:
    """The cache's own files, those that a stopped process left behind too."""
    try:
        found = list(folder().iterdir())
    except OSError:
        return
    for path in found:
        if path.suffix in (SUFFIX, ".tmp"):
            with contextlib.suppress(OSError):
                yield path, path.lstat()


def _read_own(path: Path) -> bytes | None:
    without_waiting = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    handle = os.open(path, os.O_RDONLY | without_waiting)
    with os.fdopen(handle, "rb") as file:
        status = os.fstat(handle)
        own = status.st_uid == os.geteuid() and not status.st_mode & 0o022
        return file.read() if own and stat.S_ISREG(status.st_mode) else None


def _is_own_folder(path: Path) -> bool:
    status = path.lstat()
    own = status.st_uid == os.geteuid() and not status.st_mode & 0o077
    return own and stat.S_ISDIR(status.st_mode)
