"""Compiled code on disk: found again, never trusted when it is not the user's own or is damaged."""

from __future__ import annotations

import os
import pwd
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest

import irgrad
from irgrad.cli import main
from irgrad.errors import OptionError
from irgrad.runtime import disk_cache


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "cache"
    monkeypatch.setenv("IRGRAD_CACHE_DIR", str(folder))
    monkeypatch.delenv("IRGRAD_CACHE", raising=False)
    return folder


def only_file(folder: Path) -> Path:
    (file,) = folder.iterdir()
    return file


def test_what_is_put_is_found(cache: Path) -> None:
    disk_cache.put("k", b"code")
    assert disk_cache.get("k") == b"code"
    assert disk_cache.get("other") is None
    assert stat.S_IMODE(cache.stat().st_mode) == 0o700
    assert stat.S_IMODE(only_file(cache).stat().st_mode) == 0o600


def test_every_damaged_byte_is_noticed(cache: Path) -> None:
    disk_cache.put("k", b"code")
    good = only_file(cache).read_bytes()
    for place in range(len(good)):
        bad = bytearray(good)
        bad[place] ^= 1
        only_file(cache).write_bytes(bytes(bad))
        assert disk_cache.get("k") is None
    for length in range(len(good)):
        only_file(cache).write_bytes(good[:length])
        assert disk_cache.get("k") is None


def test_a_file_under_another_name_is_not_taken(cache: Path) -> None:
    disk_cache.put("k", b"code")
    only_file(cache).rename(cache / "other.bin")
    assert disk_cache.get("other") is None


def test_what_others_may_write_is_not_taken(cache: Path) -> None:
    disk_cache.put("k", b"code")
    only_file(cache).chmod(0o666)
    assert disk_cache.get("k") is None


def test_links_are_not_followed(cache: Path) -> None:
    disk_cache.put("k", b"code")
    kept = cache.parent / "elsewhere.bin"
    only_file(cache).rename(kept)
    (cache / "k.bin").symlink_to(kept)
    assert disk_cache.get("k") is None


def test_a_folder_that_others_may_enter_is_not_written_to(cache: Path) -> None:
    cache.mkdir(mode=0o755)
    cache.chmod(0o755)
    disk_cache.put("k", b"code")
    assert list(cache.iterdir()) == []


def test_it_can_be_turned_off(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    disk_cache.put("k", b"code")
    monkeypatch.setenv("IRGRAD_CACHE", "0")
    assert disk_cache.get("k") is None
    disk_cache.put("other", b"code")
    assert len(list(cache.iterdir())) == 1


def test_why_it_is_not_in_use_is_said(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert disk_cache.usage().unused == ""
    cache.mkdir()
    cache.chmod(0o755)
    assert "others may enter it" in disk_cache.usage().unused
    cache.rmdir()
    cache.write_text("")
    assert disk_cache.usage().unused == "it is no folder"
    for word in ("no", "OFF", "false"):
        monkeypatch.setenv("IRGRAD_CACHE", word)
        assert disk_cache.usage().unused == f"IRGRAD_CACHE={word}"


def test_a_limit_that_is_no_number_is_an_error(
    cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IRGRAD_CACHE_BYTES", "1GB")
    with pytest.raises(OptionError, match="IRGRAD_CACHE_BYTES=1GB: expected a number of bytes"):
        disk_cache.put("k", b"code")


def test_a_pipe_is_not_waited_for(cache: Path) -> None:
    disk_cache.put("k", b"code")
    only_file(cache).unlink()
    os.mkfifo(cache / "k.bin")
    assert disk_cache.get("k") is None


def test_a_place_that_cannot_be_written_to_is_no_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("IRGRAD_CACHE_DIR", str(tmp_path / "file" / "cache"))
    disk_cache.put("k", b"code")
    assert disk_cache.get("k") is None


def test_where_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("IRGRAD_CACHE_DIR", "~/mine")
    assert disk_cache.folder() == tmp_path / "mine"
    monkeypatch.delenv("IRGRAD_CACHE_DIR")
    monkeypatch.setenv("XDG_CACHE_HOME", "not/absolute")
    assert disk_cache.folder().is_relative_to(tmp_path)
    monkeypatch.delenv("HOME")
    monkeypatch.setattr(pwd, "getpwuid", {}.__getitem__)  # nobody is known by that number
    disk_cache.put("k", b"code")
    assert disk_cache.folder().parent == Path(tempfile.gettempdir())
    assert disk_cache.get("k") == b"code"
    disk_cache.clear()


def test_what_was_used_longest_ago_goes_first(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(4):
        disk_cache.put(f"k{number}", bytes(1000))
        os.utime(cache / f"k{number}.bin", (number, number))
    assert disk_cache.get("k0") is not None  # used now
    monkeypatch.setenv("IRGRAD_CACHE_BYTES", "2500")
    disk_cache.shrink()
    assert sorted(path.stem for path in cache.iterdir()) == ["k0", "k3"]


def test_the_command(cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    disk_cache.put("k", b"code")
    assert main(["cache"]) == 0
    assert "files" in capsys.readouterr().out
    assert main(["cache", "clear"]) == 0
    assert "removed 1 file" in capsys.readouterr().out
    assert disk_cache.usage().files == 0


SCRIPT = """
import numpy as np, irgrad
from irgrad_numba import machine
compiled = []
optimised = machine.optimised
machine.optimised = lambda text, *rest: compiled.append(text) or optimised(text, *rest)
f = irgrad.compile(irgrad.grad(lambda x: np.sum(np.exp(x) * x)), backend="numba")
print(f(np.array([0.0, 1.0])).tolist(), len(compiled))
"""


def test_a_second_process_compiles_nothing_and_gives_the_same_bits(cache: Path) -> None:
    def run() -> str:
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True
        )
        return done.stdout

    first, second = run(), run()
    assert first.split("]")[0] == second.split("]")[0]
    assert int(first.split()[-1]) > 0
    assert int(second.split()[-1]) == 0
    for path in cache.iterdir():  # damaged code is made anew
        path.write_bytes(path.read_bytes()[:-1] + b"?")
    third = run()
    assert third == first


def test_compiled_code_is_found_within_a_process(cache: Path) -> None:
    f = lambda x: np.sum(np.cos(x) * 7.25)  # noqa: E731
    x = np.array([0.5, 1.5])
    one = irgrad.compile(irgrad.grad(f), backend="numba")(x)
    count = len(list(cache.iterdir()))
    two = irgrad.compile(irgrad.grad(lambda x: f(x)), backend="numba")(x)
    assert len(list(cache.iterdir())) == count > 0
    np.testing.assert_array_equal(one, two)
