"""A world that never was, written into the records as pipelines write."""

from dataclasses import asdict
from datetime import datetime, timedelta

from canary.learning.recorded import Truth
from canary.learning.world import SimulatedRelease, World
from operators.records import Json, Kind, Records, Subject, chain

#: From a release's begin to its end, when its truth is known.
TAKES = timedelta(seconds=1)


def write_world(records: Records, world: World) -> list[SimulatedRelease]:
    """Opens, changes, closes and labels every release of the world, in the order of time; gives them."""
    releases = world.releases()
    said: list[tuple[datetime, Kind, Subject, dict[str, Json]]] = []
    for release in releases:
        subject = Subject(run=release.run, pipeline=release.service, service=release.service)
        change = asdict(release.facts.change) | {"kind": release.facts.change.kind.value}
        label = {"truth": release.truth.value, "source": "rehearsal", "who": "world", "why": "injected"}
        verdict = "rolled back" if release.truth is Truth.BAD else "promoted"
        said += [
            (release.at, Kind.RUN, subject, {"state": "opened"}),
            (release.at, Kind.CHANGE, subject, {"image": release.id, "previous": "", **change}),
            (release.at + TAKES, Kind.RUN, subject, {"state": "closed", "verdict": verdict}),
            (release.at + TAKES, Kind.LABEL, subject, {**label, "judgment": "", "simulated": True}),
        ]
    with records.database.write() as connection:
        for at, kind, subject, body in said:
            chain.append(connection, at, kind, subject, body)
    return releases
