"""The journal: every change to the world is done once."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from operators.errors import RecordError
from operators.records.claims import Claim, Claims, Done, Held, Operation
from operators.records.record import Json, Subject


@dataclass(frozen=True, slots=True)
class Patience:
    """How long the journal waits; a claim goes stale after `claims.STALE_S`, three missed renewals."""

    wait_s: float = 120.0
    poll_s: float = 0.1
    renew_s: float = 10.0


class Journal:
    """Does each operation once, whatever is retried, killed or doubled.

    An operation goes through three steps, each of them one transaction that also appends to the chain:

        meant ──act──> confirmed       the result is kept; `act` is never called again
          ^  └──raises──> failed       the exception goes on; the next call tries again
          └─ taken over                the owner died, or was silent for 30 s; the next call acts again

    Two things make that safe. Only the holder of the *claim* acts: other callers wait and return its
    result. And each claim carries a *fence*, a number that only rises: a copy that was paused and
    comes back late has an older one, so the cloud refuses what it does and the journal what it found.

    `act` may run again after a crash, so it must be safe to repeat.
    """

    def __init__(self, claims: Claims, patience: Patience = Patience()) -> None:
        self._claims, self._patience = claims, patience

    def once(
        self, key: str, subject: Subject, intent: Mapping[str, Json], act: Callable[[int], Mapping[str, Json]]
    ) -> Mapping[str, Json]:
        """The operation's result as it was stored (redacted), from this call of `act` or an earlier one.

        Args:
            key: names the operation, made of run, stage, region and step.
            subject: what it is about, for the record.
            intent: what is to be done; the same each time.
            act: does it, given the fence to hand to the cloud.

        Raises RecordError when the key was used with another intent, or when another process is
        at it for longer than we wait; else what `act` raises.
        """
        deadline = time.monotonic() + self._patience.wait_s
        while True:
            match self._claims.claim(key, subject, intent):
                case Done(result):
                    return result
                case Held(owner) if time.monotonic() > deadline:
                    raise RecordError(
                        f"operation {key} is not confirmed",
                        why=f"{owner} has been at it for {self._patience.wait_s:.0f} s",
                        mend="try again, or end that process",
                    )
                case Held():
                    time.sleep(self._patience.poll_s)
                case Claim() as claim:
                    self._act(claim, act)

    def result(self, key: str) -> Mapping[str, Json] | None:
        """What a confirmed operation gave; None when it is not confirmed."""
        return self._claims.result(key)

    def unfinished(self, run: str | None = None) -> list[Operation]:
        """What was meant (by one run, or by any) and is not confirmed, oldest first."""
        return self._claims.unfinished(run)

    def abandon(self, key: str, why: str) -> bool:
        """Closes an unfinished operation that nobody will finish, so that no late copy can.

        False when there is none, or a process that seems alive is at it.
        """
        return self._claims.abandon(key, why)

    def _act(self, claim: Claim, act: Callable[[int], Mapping[str, Json]]) -> None:
        """Acts under the claim; where the claim was lost meanwhile, its new holder's result counts."""
        with self._renewed(claim):
            try:
                self._claims.confirm(claim, act(claim.fence))
            except BaseException as error:
                with suppress(RecordError):  # with the database away, the claim goes stale by itself
                    self._claims.give_up(claim, error)
                raise

    @contextmanager
    def _renewed(self, claim: Claim) -> Iterator[None]:
        """Renews the claim in the background, so that other hosts see that we live."""
        finished = threading.Event()

        def renew() -> None:
            while not finished.wait(self._patience.renew_s):
                try:
                    if not self._claims.renew(claim):
                        return
                except RecordError:
                    continue  # the database is busy or away: there are two more tries before the claim goes stale

        thread = threading.Thread(target=renew, name=f"renew {claim.key}", daemon=True)
        thread.start()
        try:
            yield
        finally:
            finished.set()
            thread.join()
