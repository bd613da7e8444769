"""Programs outlive whoever started them, and end with their supervisor."""

import json
import multiprocessing
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import psutil
import pytest

from operators.errors import SupervisorError
from operators.supervisor import Program, State, Supervisor

SERVER = 'import socket, sys, time; s = socket.create_server(("127.0.0.1", int(sys.argv[1]))); time.sleep(600)'
FOREVER = (sys.executable, "-c", "import time; time.sleep(600)")


@pytest.fixture
def supervisor(tmp_path: Path) -> Iterator[Supervisor]:
    made = Supervisor(tmp_path / "a root")
    yield made
    made.stop()


def eventually(is_so: Callable[[], object], patience_s: float = 30) -> None:
    deadline = time.monotonic() + patience_s
    while not is_so():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


def pid_of(supervisor: Supervisor, name: str) -> int:
    eventually(lambda: name in supervisor.states() and supervisor.states()[name].pid)
    pid = supervisor.states()[name].pid
    assert pid is not None
    return pid


def becomes_running(supervisor: Supervisor, *names: str) -> None:
    eventually(lambda: all(supervisor.states()[name].state is State.RUNNING for name in names))


def supervisord_pid(supervisor: Supervisor) -> int:
    return int((supervisor.root / "supervisord.pid").read_text())


def is_gone(pid: int) -> bool:
    return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


def test_a_program_that_was_put_runs(supervisor: Supervisor) -> None:
    supervisor.put(Program("sleeper", FOREVER))
    becomes_running(supervisor, "sleeper")


def test_the_same_program_again_is_left_alone(supervisor: Supervisor) -> None:
    supervisor.put(Program("sleeper", FOREVER))
    before = pid_of(supervisor, "sleeper")
    supervisor.put(Program("sleeper", FOREVER))
    assert pid_of(supervisor, "sleeper") == before


def test_a_changed_program_is_replaced(supervisor: Supervisor) -> None:
    supervisor.put(Program("sleeper", FOREVER), Program("other", FOREVER))
    before, other = pid_of(supervisor, "sleeper"), pid_of(supervisor, "other")
    supervisor.put(Program("sleeper", FOREVER, environment={"CHANGED": "yes"}))
    assert pid_of(supervisor, "sleeper") != before
    assert is_gone(before)
    assert pid_of(supervisor, "other") == other


def test_a_removed_program_is_gone_and_an_unknown_one_is_passed_over(supervisor: Supervisor) -> None:
    supervisor.put(Program("sleeper", FOREVER))
    pid = pid_of(supervisor, "sleeper")
    supervisor.remove("sleeper", "unknown")
    assert is_gone(pid)
    assert dict(supervisor.states()) == {}


def test_arguments_and_environment_arrive_as_they_were_given(supervisor: Supervisor) -> None:
    hard = """50% %(here)s ; # 'single' "double", a=b \\ $HOME\nnext line é"""
    show = "import json, os, sys; print(json.dumps([sys.argv[1], os.environ['HARD'], os.getcwd()]))"
    supervisor.put(Program("show", (sys.executable, "-c", show, hard), Path("/"), {"HARD": hard}, restarts=False))
    eventually(lambda: "\n" in supervisor.log_tail("show"))
    assert json.loads(supervisor.log_tail("show")) == [hard, hard, "/"]


def test_a_program_inherits_no_secret_of_whoever_started_the_supervisor(
    supervisor: Supervisor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOKEN", "hidden")
    supervisor.put(Program("sleeper", FOREVER))
    becomes_running(supervisor, "sleeper")
    assert "TOKEN" not in psutil.Process(pid_of(supervisor, "sleeper")).environ()


def test_a_killed_program_is_started_again(supervisor: Supervisor) -> None:
    supervisor.put(Program("sleeper", FOREVER))
    becomes_running(supervisor, "sleeper")
    before = pid_of(supervisor, "sleeper")
    os.kill(before, signal.SIGKILL)
    eventually(lambda: supervisor.states()["sleeper"].pid not in (None, before))


def test_a_program_that_may_end_stays_ended(supervisor: Supervisor) -> None:
    supervisor.put(Program("once", (sys.executable, "-c", "print('done')"), restarts=False))
    eventually(lambda: supervisor.states()["once"].state is State.EXITED)
    supervisor.put(Program("once", (sys.executable, "-c", "print('done')"), restarts=False))
    assert supervisor.states()["once"].state is State.EXITED
    assert supervisor.log_tail("once") == "done\n"


def test_a_program_that_cannot_start_says_so_in_its_log(supervisor: Supervisor) -> None:
    supervisor.put(Program("broken", ("/nowhere/program",)))
    eventually(lambda: "/nowhere/program" in supervisor.log_tail("broken"))
    assert supervisor.states()["broken"].state is not State.RUNNING


def test_a_name_that_supervisord_would_misread_is_refused() -> None:
    with pytest.raises(SupervisorError, match="cannot be supervised"):
        Program("a:b", FOREVER)


def test_killing_supervisord_ends_its_programs_and_ensure_running_brings_them_back(supervisor: Supervisor) -> None:
    port = free_port()
    supervisor.put(
        Program("server", (sys.executable, "-c", SERVER, str(port))),
        Program("sleeper", FOREVER),
    )
    becomes_running(supervisor, "server", "sleeper")
    before = [pid_of(supervisor, name) for name in ("server", "sleeper")]

    os.kill(supervisord_pid(supervisor), signal.SIGKILL)
    eventually(lambda: all(map(is_gone, before)))
    supervisor.ensure_running()

    becomes_running(supervisor, "server", "sleeper")
    eventually(lambda: accepts(port))


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


def accepts(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


def test_grandchildren_of_a_killed_supervisord_do_not_linger(supervisor: Supervisor) -> None:
    child = "import os, subprocess, sys, time\n"
    child += "p = subprocess.Popen(['sleep', '600'], start_new_session=True); print(p.pid, flush=True); p.wait()"
    supervisor.put(Program("parent", (sys.executable, "-c", child)))
    eventually(lambda: "\n" in supervisor.log_tail("parent"))
    grandchild = int(supervisor.log_tail("parent"))
    os.kill(supervisord_pid(supervisor), signal.SIGKILL)
    supervisor.ensure_running()
    assert is_gone(grandchild)


def test_children_of_a_killed_program_do_not_hold_its_port(supervisor: Supervisor) -> None:
    port = free_port()
    supervisor.put(Program("server", ("/bin/sh", "-c", f"{sys.executable} -c '{SERVER}' {port}; true")))
    eventually(lambda: accepts(port))
    shell = pid_of(supervisor, "server")
    (server,) = psutil.Process(shell).children()
    os.kill(shell, signal.SIGKILL)
    eventually(lambda: is_gone(server.pid))
    eventually(lambda: accepts(port))


def test_a_removed_program_leaves_no_children(supervisor: Supervisor) -> None:
    port = free_port()
    supervisor.put(Program("server", ("/bin/sh", "-c", f"{sys.executable} -c '{SERVER}' {port}; true")))
    eventually(lambda: accepts(port))
    supervisor.remove("server")
    assert not accepts(port)


def test_stop_leaves_no_process_and_may_be_repeated(supervisor: Supervisor) -> None:
    stubborn = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"
    supervisor.put(Program("stubborn", (sys.executable, "-c", stubborn), stop_wait=timedelta(seconds=1)))
    pid, daemon = pid_of(supervisor, "stubborn"), supervisord_pid(supervisor)
    supervisor.stop()
    supervisor.stop()
    assert is_gone(pid)
    assert is_gone(daemon)
    assert dict(supervisor.states()) == {}


def test_stop_tells_all_programs_at_once(supervisor: Supervisor, tmp_path: Path) -> None:
    last_one_out = f"""\
import pathlib, signal, time
told = pathlib.Path({str(tmp_path)!r})
signal.signal(signal.SIGTERM, lambda *_: (told / f"{{time.monotonic_ns()}}.told").touch())
print("ready", flush=True)
while len(list(told.glob("*.told"))) < 3:
    time.sleep(0.02)
print("told with the others", flush=True)
"""
    programs = [Program(f"friend-{n}", (sys.executable, "-c", last_one_out)) for n in range(3)]
    supervisor.put(*programs)
    eventually(lambda: all("ready" in supervisor.log_tail(each.name) for each in programs))
    supervisor.stop()
    assert all("told with the others" in supervisor.log_tail(each.name) for each in programs)


def test_stop_of_a_supervisor_that_never_ran_does_nothing(tmp_path: Path) -> None:
    Supervisor(tmp_path / "never").stop()
    assert not (tmp_path / "never").exists()


def test_what_should_run_runs_again_after_stop_and_ensure_running(supervisor: Supervisor) -> None:
    supervisor.put(Program("sleeper", FOREVER))
    supervisor.stop()
    supervisor.ensure_running()
    becomes_running(supervisor, "sleeper")


def test_programs_outlive_the_process_that_put_them(supervisor: Supervisor) -> None:
    code = "import sys; from pathlib import Path; from operators.supervisor import Program, Supervisor\n"
    code += "Supervisor(Path(sys.argv[1])).put(Program('sleeper', ('sleep', '600')))"
    subprocess.run([sys.executable, "-c", code, str(supervisor.root)], check=True)
    becomes_running(supervisor, "sleeper")


def put_one(root: Path, name: str) -> None:
    Supervisor(root).put(Program(name, FOREVER))


def test_several_processes_at_once_start_one_supervisord(supervisor: Supervisor) -> None:
    names = [f"sleeper-{n}" for n in range(4)]
    spawn = multiprocessing.get_context("spawn")
    putters = [spawn.Process(target=put_one, args=(supervisor.root, name)) for name in names]
    for putter in putters:
        putter.start()
    for putter in putters:
        putter.join()
    assert [putter.exitcode for putter in putters] == [0] * 4
    becomes_running(supervisor, *names)
    assert {psutil.Process(pid_of(supervisor, name)).ppid() for name in names} == {supervisord_pid(supervisor)}


def test_a_root_too_deep_for_a_socket_works(tmp_path: Path) -> None:
    deep = Supervisor(tmp_path / ("d" * 100))
    try:
        deep.put(Program("sleeper", FOREVER))
        becomes_running(deep, "sleeper")
        folder = Path((deep.root / "socket-folder").read_text())
        assert folder.stat().st_mode & 0o777 == 0o700
    finally:
        deep.stop()
    assert not folder.exists()
