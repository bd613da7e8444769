"""Journal and leases against a model, under any order of claims, ends, deaths and passing time."""

import shutil
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, rule

from operators.errors import LeaseHeld, RecordError
from operators.records import Json, Records, Subject
from operators.records.claims import STALE_S, Claim, Claims, Done, Held
from operators.records.database import Database
from operators.records.owner import Owner

HERE = Owner.current()
OWNERS = {
    "here": HERE,
    "far": Owner("another-host", 1, "1"),
    "dead": Owner(HERE.host, HERE.pid, "started before this one"),
}
KEYS = st.sampled_from(["one", "two", "three"])
RUNS = st.sampled_from(["run-1", "run-2"])
CLUSTERS = st.sampled_from(["playback/production/eu-central-1", "playback/production/us-east-1", "search/test/local"])


class JournalAndLeases(RuleBasedStateMachine):
    """What must hold: fences rise, a key is confirmed once, and the chain tells each step."""

    taken = Bundle("taken")

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.now = datetime(2026, 3, 1, tzinfo=UTC)
        self.records = Records(Database(f"sqlite:///{self.folder / 'records.db'}"), lambda: self.now)
        self.claims = {
            name: Claims(self.records.database, lambda: self.now, lambda owner=owner: owner)  # type: ignore[misc]
            for name, owner in OWNERS.items()
        }
        self.order: list[str] = []
        self.holding: dict[str, tuple[Claim, str, datetime]] = {}
        self.results: dict[str, Json] = {}
        self.abandoned: set[str] = set()
        self.leases: dict[str, str] = {}
        self.fence = self.told = 0

    def is_held(self, key: str) -> bool:
        if key not in self.holding:
            return False
        _, owner, renewed = self.holding[key]
        return owner != "dead" and self.now - renewed <= timedelta(seconds=STALE_S)

    @rule(target=taken, key=KEYS, by=st.sampled_from(sorted(OWNERS)))
    def claim(self, key: str, by: str) -> Claim | None:
        if key in self.abandoned:
            with pytest.raises(RecordError):
                self.claims[by].claim(key, Subject(), {"do": key})
            return None
        match self.claims[by].claim(key, Subject(), {"do": key}):
            case Done(result):
                assert result == self.results[key]
            case Held():
                assert self.is_held(key)
            case Claim() as claim:
                assert not self.is_held(key)
                assert key not in self.results
                assert claim.fence > self.fence
                self.fence, self.told = claim.fence, self.told + 1
                self.order += [] if key in self.order else [key]
                self.holding[key] = claim, by, self.now
                return claim
        return None

    def stands(self, claim: Claim) -> bool:
        return claim.key in self.holding and self.holding[claim.key][0] == claim

    @rule(claim=taken.filter(bool))
    def confirm(self, claim: Claim) -> None:
        stands = self.stands(claim)
        assert self.claims["here"].confirm(claim, {"fence": claim.fence}) == stands
        if stands:
            del self.holding[claim.key]
            self.results[claim.key], self.told = {"fence": claim.fence}, self.told + 1

    @rule(claim=taken.filter(bool))
    def fail(self, claim: Claim) -> None:
        stands = self.stands(claim)
        assert self.claims["here"].give_up(claim, ValueError("no")) == stands
        if stands:
            del self.holding[claim.key]
            self.told += 1

    @rule(claim=taken.filter(bool))
    def renew(self, claim: Claim) -> None:
        stands = self.stands(claim)
        assert self.claims["here"].renew(claim) == stands
        if stands:
            self.holding[claim.key] = claim, self.holding[claim.key][1], self.now

    @rule(key=KEYS)
    def abandon(self, key: str) -> None:
        is_open = key in self.order and key not in self.results and key not in self.abandoned
        may = is_open and not self.is_held(key)
        assert self.claims["here"].abandon(key, "no more") == may
        if may:
            self.holding.pop(key, None)
            self.abandoned.add(key)
            self.told += 1

    @rule(seconds=st.integers(1, 40))
    def time_passes(self, seconds: int) -> None:
        self.now += timedelta(seconds=seconds)

    @rule(cluster=CLUSTERS, run=RUNS)
    def take(self, cluster: str, run: str) -> None:
        holder = self.leases.get(cluster, run)
        if holder != run:
            with pytest.raises(LeaseHeld, match=holder):
                self.records.leases.take(cluster, run)
            return
        self.records.leases.take(cluster, run)
        self.told += cluster not in self.leases
        self.leases[cluster] = run

    @rule(cluster=CLUSTERS, run=RUNS)
    def release(self, cluster: str, run: str) -> None:
        self.records.leases.release(cluster, run)
        if self.leases.get(cluster) == run:
            del self.leases[cluster]
            self.told += 1

    @invariant()
    def the_chain_tells_every_step(self) -> None:
        found = self.records.verify()
        assert (found.ok, found.count) == (True, self.told)

    @invariant()
    def the_open_ones_are_listed_in_order(self) -> None:
        unfinished = self.records.journal.unfinished()
        expected = [key for key in self.order if key not in self.results and key not in self.abandoned]
        assert [operation.key for operation in unfinished] == expected
        assert [operation.is_held for operation in unfinished] == [self.is_held(key) for key in expected]

    @invariant()
    def the_leases_are_those_taken(self) -> None:
        assert {lease.cluster: lease.run for lease in self.records.leases.all()} == self.leases

    def teardown(self) -> None:
        self.records.close()
        shutil.rmtree(self.folder)


TestJournalAndLeases = JournalAndLeases.TestCase
TestJournalAndLeases.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)
