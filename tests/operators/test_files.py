"""Files that processes share: whole whenever they are read, and locked by one at a time."""

import multiprocessing
import time
from pathlib import Path

import pytest

from operators.atomic_file import write_atomically
from operators.file_lock import locked


def test_a_file_is_replaced_whole_and_private_and_nothing_else_stays(tmp_path: Path) -> None:
    file = tmp_path / "new folder" / "state.json"
    write_atomically(file, "old")
    write_atomically(file, "new é")
    assert file.read_text(encoding="utf-8") == "new é"
    assert file.stat().st_mode & 0o777 == 0o600
    assert list(file.parent.iterdir()) == [file]


def test_a_write_that_fails_leaves_the_old_content_and_nothing_else(tmp_path: Path) -> None:
    file = tmp_path / "state.json"
    write_atomically(file, "old")
    with pytest.raises(UnicodeEncodeError):
        write_atomically(file, "\ud800")
    assert file.read_text() == "old"
    assert list(tmp_path.iterdir()) == [file]


def hold(lock: Path, log: Path) -> None:
    with locked(lock):
        with log.open("a") as file:
            file.write("in ")
        time.sleep(0.05)
        with log.open("a") as file:
            file.write("out ")


def test_a_lock_has_one_holder_at_a_time(tmp_path: Path) -> None:
    spawn = multiprocessing.get_context("spawn")
    holders = [spawn.Process(target=hold, args=(tmp_path / "lock", tmp_path / "log")) for _ in range(3)]
    for holder in holders:
        holder.start()
    for holder in holders:
        holder.join()
    assert (tmp_path / "log").read_text() == "in out " * 3


def test_the_lock_of_a_killed_holder_is_free(tmp_path: Path) -> None:
    holder = multiprocessing.get_context("spawn").Process(target=keep, args=(tmp_path / "lock", tmp_path / "held"))
    holder.start()
    deadline = time.monotonic() + 30
    while not (tmp_path / "held").exists():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    holder.kill()
    holder.join()
    with locked(tmp_path / "lock"):
        pass


def keep(lock: Path, held: Path) -> None:
    with locked(lock):
        held.touch()
        time.sleep(600)
