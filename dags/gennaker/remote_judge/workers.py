"""Processes that judge, so that a question can be given up, though judging cannot be interrupted."""

import asyncio
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from gennaker.judging import PairJudge
from gennaker.remote_judge.worker import FAILURE, HEAD, QUESTION


class TooBusy(Exception):
    """No process was free within the time limit."""


class TooSlow(Exception):
    """The question took longer than the time limit."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What a process answered: its kind, and JSON."""

    kind: int
    text: bytes


class Workers:
    """A fixed number of processes, each of which judges one question at a time.

    Args:
        judge: the judge they ask.
        count: how many.
        limit_s: seconds that a question may take, waiting for a free process included.

    Attributes:
        judging: questions that are being judged.
    """

    def __init__(self, judge: PairJudge, count: int, limit_s: float) -> None:
        self._judge, self._count, self._limit_s = judge, count, limit_s
        self._free: asyncio.Queue[Process] = asyncio.Queue()
        self._all: set[Process] = set()
        self._starting: set[asyncio.Task[None]] = set()
        self.judging = 0

    async def start(self) -> None:
        """Starts all processes, and waits until they can be asked."""
        await asyncio.gather(*(self._start_one() for _ in range(self._count)))

    async def stop(self) -> None:
        """Ends all processes, whatever they are at."""
        for task in list(self._starting):
            task.cancel()
        for process in list(self._all):
            await self._end(process)

    async def ask(self, question: bytes) -> Reply:
        """What a process answers; raises TooBusy or TooSlow when the time limit is over."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._limit_s
        async with self._one(deadline) as process:
            self.judging += 1
            try:
                async with asyncio.timeout_at(deadline):
                    return await _ask(process, question)
            except TimeoutError:
                await self._end(process)
                raise TooSlow from None
            except (asyncio.IncompleteReadError, ConnectionError):  # it died of the question, such as of memory
                await self._end(process)
                return Reply(FAILURE, b"{}")
            finally:
                self.judging -= 1

    @asynccontextmanager
    async def _one(self, deadline: float) -> AsyncIterator[Process]:
        """A free process; afterwards it, or another in its place, is free again."""
        try:
            async with asyncio.timeout_at(deadline):
                process = await self._free.get()
        except TimeoutError:
            raise TooBusy from None
        try:
            yield process
        except asyncio.CancelledError:  # half a frame may be on its way
            await self._end(process)
            raise
        finally:
            if process in self._all:
                self._free.put_nowait(process)
            else:
                task = asyncio.create_task(self._start_one())
                self._starting.add(task)
                task.add_done_callback(self._starting.discard)

    async def _start_one(self) -> None:
        # A session of its own: Ctrl-C at the terminal is for the server, which finishes what is in flight.
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "gennaker.remote_judge.worker", self._judge.value),
            stdin=PIPE,
            stdout=PIPE,
            start_new_session=True,
        )
        self._all.add(process)
        assert process.stdout is not None
        await process.stdout.readexactly(HEAD.size)  # it is ready; until then no question's time runs
        self._free.put_nowait(process)

    async def _end(self, process: Process) -> None:
        self._all.discard(process)
        if process.returncode is None:
            process.kill()
        await process.wait()


async def _ask(process: Process, question: bytes) -> Reply:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(HEAD.pack(len(question), QUESTION))
    process.stdin.write(question)
    await process.stdin.drain()
    length, kind = HEAD.unpack(await process.stdout.readexactly(HEAD.size))
    return Reply(kind, await process.stdout.readexactly(length))
