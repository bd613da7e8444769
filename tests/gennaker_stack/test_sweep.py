"""What a stopped stack left running is ended, and nothing else."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from gennaker.stack.sweep import sweep

_SLEEP = [sys.executable, "-c", "print('ready', flush=True); import time; time.sleep(300)"]


@pytest.fixture
def started() -> Iterator[list[subprocess.Popen[str]]]:
    processes: list[subprocess.Popen[str]] = []
    yield processes
    for process in processes:
        process.kill()
        process.communicate()


def _start(started: list[subprocess.Popen[str]], cwd: Path, *, own_session: bool = True, **environment: str) -> int:
    process = subprocess.Popen(
        _SLEEP,
        cwd=cwd,
        env=dict(os.environ) | environment,
        start_new_session=own_session,
        stdout=subprocess.PIPE,
        text=True,
    )
    started.append(process)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process.pid


def _pids(swept: list[str]) -> set[int]:
    return {int(name.split()[0]) for name in swept}


def test_a_process_of_the_state_folder_is_ended(started: list[subprocess.Popen[str]], tmp_path: Path) -> None:
    pid = _start(started, Path("/"), GENNAKER_HOME=str(tmp_path))
    assert _pids(sweep(tmp_path)) == {pid}
    assert not psutil.pid_exists(pid)


def test_a_worker_that_overwrote_its_environment_is_found_by_its_folder(
    started: list[subprocess.Popen[str]], tmp_path: Path
) -> None:
    (tmp_path / "airflow").mkdir()
    pid = _start(started, tmp_path / "airflow", GENNAKER_HOME="")
    assert _pids(sweep(tmp_path)) == {pid}


def test_another_state_folder_s_processes_are_left_alone(started: list[subprocess.Popen[str]], tmp_path: Path) -> None:
    _start(started, Path("/"), GENNAKER_HOME=str(tmp_path / "other"))
    assert sweep(tmp_path / "mine") == []
    assert started[0].poll() is None


def test_the_caller_s_own_session_is_spared(started: list[subprocess.Popen[str]], tmp_path: Path) -> None:
    _start(started, tmp_path, own_session=False, GENNAKER_HOME=str(tmp_path))
    assert sweep(tmp_path) == []
    assert started[0].poll() is None


def test_sweeping_a_folder_that_nobody_uses_does_nothing(tmp_path: Path) -> None:
    assert sweep(tmp_path) == []
