"""One stage's change of one cluster, as a row of journal operations.

A change begins (remembering how traffic was split), creates groups, moves traffic step by
step, and ends promoted or rolled back. Every method may be repeated, by another process too:
the journal finds the operation's key and nothing is done twice. Whoever finds a change half
done, alive or dead, ends it with `settle`.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum
from functools import partial
from typing import Any, Final

from operators.clouds.cloud import Cloud, Cluster, GroupSpec
from operators.errors import ChangeClosed, CloudError, GroupNotReady, StaleFence
from operators.records import Json, Kind, Records, Subject

#: How long going back waits for the groups that had the traffic before to prove their health.
PROOF_PATIENCE: Final = timedelta(seconds=30)


_Act = Callable[[int], Mapping[str, Json]]


class ChangeState(StrEnum):
    """How far a change is."""

    UNTOUCHED = "untouched"
    OPEN = "open"
    PROMOTED = "promoted"
    ROLLED_BACK = "rolled back"


@dataclass(frozen=True, slots=True)
class Change:
    """A stage's change of a cluster.

    Args:
        records: where operations and deployments are written.
        cloud: the cloud the cluster lives in.
        cluster: what is changed.
        subject: run, pipeline and stage; environment and region are taken from the cluster.
    """

    records: Records
    cloud: Cloud
    cluster: Cluster
    subject: Subject

    @classmethod
    def of(cls, records: Records, cloud: Cloud, cluster: Cluster, subject: Subject) -> "Change":
        """The change of `cluster` by the run and stage of `subject`."""
        place = replace(subject, service=cluster.service, environment=cluster.environment, region=cluster.region)
        return cls(records, cloud, cluster, place)

    def key(self, step: str) -> str:
        """The operation key: run, stage, region and step."""
        return f"{self.subject.run}/{self.subject.stage}/{self.cluster.region}/{step}"

    def begin(self) -> Mapping[str, int]:
        """Takes the lease and returns the traffic split as it was before the change, percent by group.

        Raises LeaseHeld when another run is changing the cluster.
        """
        self.records.leases.take(str(self.cluster), self.subject.run)
        result = self._once(
            "begin", {"cluster": str(self.cluster)}, lambda _: {"weights": dict(self.cloud.weights(self.cluster))}
        )
        return _weights(result)

    def before(self) -> Mapping[str, int]:
        """The split that `begin` remembered; empty when nothing had traffic or it never began."""
        return _weights(self.records.journal.result(self.key("begin")) or {})

    def create(self, *, image: str, capacity: int, health_path: str, detail: str = "") -> str:
        """Starts a group for this change; returns its name at once, healthy or not."""
        spec = GroupSpec(self.cluster, detail, image, capacity, health_path)
        step = f"create-{detail}" if detail else "create"
        result = self._once(
            step,
            {"image": image, "capacity": capacity, "health_path": health_path, "detail": detail},
            lambda _: {"group": self.cloud.create(spec, self.key(step)).name},
        )
        return str(result["group"])

    def created(self) -> tuple[str, ...]:
        """Names of the groups this change created."""
        results = (self.records.journal.result(self.key(s)) for s in ("create", "create-baseline", "create-canary"))
        return tuple(str(r["group"]) for r in results if r)

    def route(self, step: str, weights: Mapping[str, int]) -> None:
        """Moves traffic to `weights` under the operation `step`.

        Raises GroupNotReady without fresh proof of health, ChangeClosed once the change was cut,
        promoted or rolled back.
        """

        def act(fence: int) -> dict[str, Json]:
            self._refuse_if_closed()
            self.cloud.route(self.cluster, weights, fence)
            return {"weights": dict(weights)}

        self._once(step, {"weights": dict(weights)}, act)

    def cut(self, reason: str) -> None:
        """Gives all traffic back to the groups that had it before, at once; not once it was promoted.

        Waits, bounded, for their fresh proof of health; raises GroupNotReady without it.
        """
        before = self.before()
        if not before:
            return

        def act(fence: int) -> dict[str, Json]:
            if self._is_promoted():
                return {"weights": {}, "reason": "it came after the promotion"}
            self._prove(before)
            self.cloud.route(self.cluster, before, fence)
            return {"weights": dict(before), "reason": reason}

        self._again_if_stale("cut", {}, act)

    def promote(self, group: str, reason: str) -> None:
        """Gives `group` all traffic for good and records the deployment."""

        def act(fence: int) -> dict[str, Json]:
            self._refuse_if_cut()
            self.cloud.route(self.cluster, {group: 100}, fence)
            return {"group": group}

        self._once("promote", {"group": group}, act)
        self._conclude(ChangeState.PROMOTED, reason)

    def roll_back(self, reason: str) -> None:
        """Gives traffic back, removes the groups this change created, and records it."""
        self.cut(reason)
        self._destroy_created()
        self._conclude(ChangeState.ROLLED_BACK, reason)

    def revert(self, reason: str) -> None:
        """Takes a promotion back, as long as the groups that had the traffic before still exist."""
        before = self.before()

        def act(fence: int) -> dict[str, Json]:
            self._prove(before)
            self.cloud.route(self.cluster, before, fence)
            return {"weights": dict(before), "reason": reason}

        if before:
            self._again_if_stale("revert", {}, act)
            self._destroy_created()
            self._conclude(ChangeState.ROLLED_BACK, reason, step="conclude-revert")

    def end_comparison(self) -> None:
        """Ends a canary: traffic as before, baseline and canary removed, nothing deployed."""
        if self.state() is ChangeState.UNTOUCHED:
            return
        self.cut("the comparison is over")
        self._destroy_created()
        self._end()

    def settle(self, reason: str) -> ChangeState:
        """Ends the change whatever became of its run: forward if promotion had begun, else back."""
        if self.state() is not ChangeState.OPEN:
            return self.state()
        if self._is_taken_back():
            self.revert(reason)
        elif not self._is_promotable() or not self._is_promoted_now(reason):
            self._go_back(reason)
        return self.state()

    def state(self) -> ChangeState:
        """How far the change is, from its operations alone."""
        result = self.records.journal.result
        if result(self.key("conclude-revert")):
            return ChangeState.ROLLED_BACK
        if self._is_taken_back():
            return ChangeState.OPEN
        if concluded := result(self.key("conclude")):
            return ChangeState(str(concluded["state"]))
        if result(self.key("end")) or not (result(self.key("begin")) or self.is_meant("begin")):
            return ChangeState.UNTOUCHED
        return ChangeState.OPEN

    def is_meant(self, step: str) -> bool:
        """Whether the operation `step` was begun, whatever became of it."""
        key = self.key(step)
        journal = self.records.journal
        return journal.result(key) is not None or any(o.key == key for o in journal.unfinished(self.subject.run))

    def _is_promotable(self) -> bool:
        is_begun = self.is_meant("promote") and not self.is_meant("cut")
        return self._is_promoted() or is_begun or self._is_first_and_routed()

    def _is_promoted_now(self, reason: str) -> bool:
        """Finishes the promotion; False when the new group is no longer fit for it and the old one is there."""
        try:
            self.promote(self.created()[-1], reason)
        except GroupNotReady:
            if not self.before():
                raise
            return False
        return True

    def _go_back(self, reason: str) -> None:
        is_comparison = self.is_meant("create-canary") or self.is_meant("create-baseline")
        if not is_comparison and not self.is_meant("create"):
            self._end()
            return
        self.cut(reason)
        self._finish_creating()
        if is_comparison:
            self.end_comparison()
        else:
            self.roll_back(reason)

    def _end(self) -> None:
        self._once("end", {}, lambda _: {"state": "ended"})

    def _finish_creating(self) -> None:
        """Learns the names of groups that may have been made; what the cloud will not make is given up."""
        prefix = self.key("create")
        for operation in self.records.journal.unfinished(self.subject.run):
            if operation.key.startswith(prefix):
                wanted: Any = operation.intent
                try:
                    self.create(**wanted)
                except CloudError as error:
                    self.records.journal.abandon(operation.key, str(error))

    def _conclude(self, state: ChangeState, reason: str, step: str = "conclude") -> None:
        groups = self.created()

        def act(_: int) -> dict[str, Json]:
            if not self._is_recorded(state):
                body = {"state": state.value, "groups": list(groups), "reason": reason}
                self.records.append(Kind.DEPLOYMENT, self.subject, body)
            return {"state": state.value, "reason": reason}

        self._once(step, {"state": state.value}, act)

    def _is_recorded(self, state: ChangeState) -> bool:
        s = self.subject
        found = self.records.search(kind=Kind.DEPLOYMENT, run=s.run, stage=s.stage, region=s.region)
        return any(r.body["state"] == state.value for r in found)

    def _destroy_created(self) -> None:
        for group in self.created():
            self._once(f"destroy-{group}", {"group": group}, partial(self._destroy, group))

    def _destroy(self, group: str, _: int) -> dict[str, Json]:
        self.cloud.destroy(group)
        return {"group": group}

    def _prove(self, weights: Mapping[str, int]) -> None:
        deadline = time.monotonic() + PROOF_PATIENCE.total_seconds()
        for group in (g for g, percent in weights.items() if percent):
            health = self.cloud.health(group)
            while not health.is_ready and time.monotonic() < deadline:
                time.sleep(0.2)
                health = self.cloud.health(group)
            if not health.is_ready:
                raise GroupNotReady(
                    f"{group} cannot take the traffic of {self.cluster} back",
                    why=f"{health.healthy} of {health.wanted} instances are healthy: {health.why}",
                    mend="traffic stays where it is; the converge DAG tries again every minute",
                )

    def _refuse_if_closed(self) -> None:
        self._refuse_if_cut()
        if self._is_promoted():
            raise ChangeClosed(f"{self.key('')} was promoted", why="a promoted change takes no further step")

    def _refuse_if_cut(self) -> None:
        if self.is_meant("cut"):
            raise ChangeClosed(f"{self.key('')} was cut", why="traffic was given back; it does not move forward again")

    def _is_promoted(self) -> bool:
        return self.records.journal.result(self.key("promote")) is not None

    def _is_taken_back(self) -> bool:
        """Whether traffic went back, or was about to, after the promotion."""
        was_cut = bool(_weights(self.records.journal.result(self.key("cut")) or {}))
        return self.is_meant("revert") or (was_cut and self._is_promoted())

    def _is_first_and_routed(self) -> bool:
        if self.before() or not self.created():
            return False
        return bool(self.cloud.weights(self.cluster).get(self.created()[-1]))

    def _again_if_stale(self, step: str, intent: Mapping[str, Json], act: _Act) -> None:
        for attempt in range(3):
            try:
                self._once(step, intent, act)
            except StaleFence:
                if attempt == 2:
                    raise
            else:
                return

    def _once(self, step: str, intent: Mapping[str, Json], act: _Act) -> Mapping[str, Json]:
        return self.records.journal.once(self.key(step), self.subject, intent, act)


def _weights(result: Mapping[str, Json]) -> Mapping[str, int]:
    weights: Any = result.get("weights") or {}
    return {str(group): int(percent) for group, percent in weights.items()}
