"""A history of releases, written as pipelines write it."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from operators.records import Kind, Records, Subject

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


class Clock:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        return self.now

    def passes(self, **time: float) -> None:
        self.now += timedelta(**time)


class Story:
    """Releases of the service `cart`, each an hour's work."""

    def __init__(self, url: str) -> None:
        self.clock = Clock()
        self.records = Records.open(url)
        self.records._clock = self.clock
        self._number = 0

    def release(
        self,
        image: str = "",
        *,
        verdict: str = "promoted",
        judged: bool = True,
        environment: str = "production",
        facts: Mapping[str, str] = {},
        service: str = "cart",
    ) -> str:
        """A run from its opening to its end; gives its name."""
        self._number += 1
        run = f"shop/manual__{self._number}"
        subject = Subject(run=run, pipeline="shop", service=service)
        self.say(Kind.RUN, subject, state="opened", step="open", **facts)
        self.say(Kind.IMAGE, subject, digest=image or f"sha256:{self._number:064}")
        self.say(Kind.RUN, subject, state="uses", environment=environment, cloud="local")
        place = Subject(run, "shop", service, environment, "us-east-1", "ramp")
        if judged:
            judgment = f"{run}.ramp.us-east-1".replace("/", ".")
            self.say(Kind.DECISION, place, judgment_id=judgment, looks=1, config={})
        self.say(Kind.DEPLOYMENT, place, state=verdict, groups=[])
        self.say(Kind.RUN, subject, state="closed", step="close", verdict=verdict)
        return run

    def take_back(self, run: str) -> None:
        """A promotion is reverted after its run ended."""
        place = Subject(run, "shop", "cart", "production", "us-east-1", "ramp")
        self.say(Kind.DEPLOYMENT, place, state="rolled back", groups=[])

    def say(self, kind: Kind, subject: Subject, **body: object) -> None:
        self.records.append(kind, subject, body)  # type: ignore[arg-type]  # plain values of the tests
