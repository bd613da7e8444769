"""Open-loop load on Playback: requests come by a Poisson clock, however slow the answers are.

Writes cumulative figures to FILE twice a second, whole each time, and a line a second to
FILE.timeline.jsonl. A request is `lost` when no release answered it: those that a release
failed by itself carry a header and are `own_failures`. Refused connections before a target's
first good answer are `not_yet_up` and not counted.
"""

import argparse
import asyncio
import contextlib
import ipaddress
import json
import os
import random
import resource
import signal
import time
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import uvloop
from tally import Outcome, TargetTally, Timeline
from wire import Answer, BrokenAnswer, Client

REQUEST_TIMEOUT_S = 10.0
WRITE_EVERY_S = 0.5
TITLES = ("roma", "okja", "klaus", "dark", "lupin", "ozark")
#: Sessions kept for heartbeats.
SESSIONS_KEPT = 100


@dataclass(frozen=True)
class Settings:
    """What the command line asked for; the rate is for each target."""

    targets: dict[str, tuple[str, int]]
    rate_rps: float
    out: Path
    duration_s: float | None


@dataclass
class Target:
    """One target under load."""

    client: Client
    tally: TargetTally = field(default_factory=TargetTally)
    sessions: deque[str] = field(default_factory=lambda: deque(maxlen=SESSIONS_KEPT))

    async def press(self, rate_rps: float, dice: random.Random, group: asyncio.TaskGroup) -> None:
        """Starts requests in `group` for ever, each at its time, whatever became of the others."""
        loop = asyncio.get_running_loop()
        due_s = loop.time()
        while True:
            due_s += dice.expovariate(rate_rps)
            if (wait_s := due_s - loop.time()) > 0:
                await asyncio.sleep(wait_s)
            group.create_task(self.request(*self._next(dice)))

    async def request(self, method: str, path: str) -> None:
        """Makes one request and counts it."""
        began_s = time.perf_counter()
        try:
            answer = await self.client.ask(method, path, REQUEST_TIMEOUT_S)
        except TimeoutError:
            self.tally.lose("timeout", f"{method} {path}: no answer within {REQUEST_TIMEOUT_S:g} s")
        except ConnectionRefusedError as error:
            if self.tally.was_up:
                self.tally.lose("refused", f"{method} {path}: {error}")
            else:
                self.tally.not_yet_up += 1
        except OSError as error:
            kind = "broken" if isinstance(error, BrokenAnswer | ConnectionError) else type(error).__name__
            self.tally.lose(kind, f"{method} {path}: {error}")
        else:
            self._count(f"{method} {path}", answer, (time.perf_counter() - began_s) * 1000)

    def _count(self, request: str, answer: Answer, latency_ms: float) -> None:
        version = answer.headers.get("x-playback-version")
        own_failure = "x-playback-fault" in answer.headers
        if version is None or (answer.status >= 400 and not own_failure):
            self.tally.lose(f"status {answer.status}", f"{request}: {answer.body[:200].decode(errors='replace')}")
            return
        outcome = Outcome.OWN_FAILURE if own_failure else Outcome.OK
        self.tally.answer(outcome, version, time.time(), latency_ms)
        if outcome is Outcome.OK and "/play/" in request:
            self.sessions.append(json.loads(answer.body)["session"])

    def _next(self, dice: random.Random) -> tuple[str, str]:
        """Two in ten start a session, three keep one alive, the others ask for a manifest."""
        draw = dice.random()
        if draw < 0.2:
            return "POST", f"/play/{dice.choice(TITLES)}"
        if draw < 0.5 and self.sessions:
            return "POST", f"/heartbeat/{dice.choice(self.sessions)}"
        return "GET", f"/manifest/{dice.choice(TITLES)}"


class Report:
    """Writes the figures."""

    def __init__(self, settings: Settings, targets: dict[str, Target]) -> None:
        self._settings = settings
        self._tallies = {name: target.tally for name, target in targets.items()}
        self._began_s = time.time()
        self._timeline = Timeline()
        self._timeline_path = settings.out.with_name(settings.out.name + ".timeline.jsonl")
        self._timeline_path.write_text("")

    async def keep_writing(self) -> None:
        """Writes for ever, on the beat."""
        loop = asyncio.get_running_loop()
        due_s, beats = loop.time(), 0
        while True:
            due_s, beats = due_s + WRITE_EVERY_S, beats + 1
            await asyncio.sleep(max(0.0, due_s - loop.time()))
            self.write()
            if beats % 2 == 0:
                self.write_timeline()

    def write(self) -> None:
        """Replaces the cumulative figures."""
        out = self._settings.out
        fresh = out.with_name(out.name + ".new")
        fresh.write_text(json.dumps(self._figures(), indent=1) + "\n")
        os.replace(fresh, out)

    def write_timeline(self) -> None:
        """Appends what happened since the last line."""
        with self._timeline_path.open("a") as file:
            file.write(json.dumps(self._timeline.step(round(time.time(), 3), self._tallies)) + "\n")

    def _figures(self) -> dict[str, object]:
        now_s = time.time()
        tallies = self._tallies.values()
        return {
            "started_at": self._began_s,
            "at": now_s,
            "seconds": round(now_s - self._began_s, 3),
            "rate_rps_each": self._settings.rate_rps,
            "cpu_seconds": round(time.process_time(), 3),
            "requests": sum(tally.requests for tally in tallies),
            **{outcome.value: sum(tally.outcomes[outcome] for tally in tallies) for outcome in Outcome},
            "targets": {name: tally.to_json() for name, tally in self._tallies.items()},
        }


async def run(settings: Settings) -> None:
    """Loads the targets until SIGTERM, SIGINT or the duration; then waits for what is in flight."""
    targets = {name: Target(Client(host, port)) for name, (host, port) in settings.targets.items()}
    report = Report(settings, targets)
    async with asyncio.TaskGroup() as group:  # left when the last request in flight has ended
        presses = [target.press(settings.rate_rps, random.Random(), group) for target in targets.values()]
        tasks = [group.create_task(work) for work in (*presses, report.keep_writing())]
        await _stop_wanted(settings.duration_s)
        for task in tasks:
            task.cancel()
    for target in targets.values():
        target.client.close()
    report.write()
    report.write_timeline()


async def _stop_wanted(duration_s: float | None) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(duration_s):
            await stop.wait()


def read_settings(arguments: Iterable[str] | None = None) -> Settings:
    """Reads the command line; only targets on this machine are accepted."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--target", action="append", required=True, metavar="NAME=URL", help="may be repeated")
    parser.add_argument("--rate", type=float, required=True, help="requests a second to each target")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE")
    parser.add_argument("--duration", type=float, metavar="SECONDS", help="until SIGTERM when not given")
    told = parser.parse_args(None if arguments is None else list(arguments))
    if told.rate <= 0:
        parser.error(f"--rate must be above 0, not {told.rate:g}")
    try:
        targets = dict(_target(text) for text in told.target)
    except ValueError as error:
        parser.error(str(error))
    return Settings(targets, told.rate, told.out, told.duration)


def _target(text: str) -> tuple[str, tuple[str, int]]:
    name, _, url = text.partition("=")
    parts = urlsplit(url)
    if not name or parts.scheme != "http" or not parts.hostname or not parts.port:
        raise ValueError(f"--target {text}: expected NAME=http://127.0.0.1:PORT")
    host = "127.0.0.1" if parts.hostname == "localhost" else parts.hostname
    try:
        is_loopback = ipaddress.ip_address(host).is_loopback
    except ValueError:
        is_loopback = False
    if not is_loopback:
        raise ValueError(f"--target {text}: this load is only for this machine (127.0.0.1)")
    return name, (host, parts.port)


def main() -> None:
    """Runs the load."""
    settings = read_settings()
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)  # each request in flight holds a connection
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    uvloop.run(run(settings))


if __name__ == "__main__":
    main()
