"""The version of a threshold profile that a run is judged by: found once, written down, and used by all its stages."""

import json
import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from typing import Any, Final, Self

import httpx
from sqlalchemy import Connection

from canary.config import CanaryConfig
from canary.errors import CanaryError
from operators.errors import NoSuchVersion, ProfileError
from operators.learning.profile_steps import registered_digest
from operators.learning.profile_version import CHAMPION, ProfileVersion, digest_of, text_of, usable
from operators.learning.registry import Registry
from operators.patience import within
from operators.records import Json, Kind, Record, Records, Subject, chain
from operators.records.records import utc_now
from operators.records.redact import redact_text
from operators.tracking import Away, Refused

log = logging.getLogger(__name__)

#: Longest that a run waits for the registry, whatever it is that hangs; a registry that is well answers in 20 ms.
PATIENCE_S: Final = 5.0
#: What a run pins.
PINNED: Final = "pinned"
#: Pins that are looked through first for the last one of a profile; then all are.
_NEWEST: Final = 200


class Origin(StrEnum):
    """Where the settings of a pin come from."""

    REGISTRY = "registry"
    LAST_PINNED = "last pinned"
    FILE = "file"


@dataclass(frozen=True, slots=True)
class ProfileUse:
    """What a stage says of the threshold profile that it is judged by.

    Args:
        profile: its name.
        version: the version asked for; 0 for the champion.
        settings: those of the profile's file, as JSON.
        overrides: what the stage lays on top, as JSON.
    """

    profile: str
    settings: Mapping[str, Any]
    version: int = 0
    overrides: Mapping[str, Any] = field(default_factory=dict)

    @property
    def asked(self) -> str:
        """As the pipeline names it: `standard`, or `standard@7`."""
        return f"{self.profile}@{self.version}" if self.version else self.profile

    def to_json(self) -> dict[str, Any]:
        """Plain values; `from_json` is the way back."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """The use that `to_json` wrote."""
        return cls(**value)


@dataclass(frozen=True, slots=True)
class Pin:
    """The settings that a run uses for a profile.

    Args:
        profile: its name.
        version: which version; 0 for the profile's file.
        digest: of the settings.
        origin: where they come from.
        why: why from there, in a sentence.
        settings: the profile's settings, as JSON, without what stages lay on top.
    """

    profile: str
    version: int
    digest: str
    origin: Origin
    why: str
    settings: Mapping[str, Any]


def pinned(use: ProfileUse, run: Subject, records: Records, registry: Callable[[], Registry | None]) -> Pin:
    """The pin of a run: the one it has, or a new one, of which the first to be written counts.

    Without a registry, or one that answers well and has no such profile, it is the profile's file. A registry that does
    not answer within `PATIENCE_S`, or answers what cannot be used, is passed over for the last version that any run
    pinned when asked for the same, and then for the file.

    Args:
        use: the profile, as a stage has it.
        run: the run; region and stage do not matter.
        records: where pins are.
        registry: gives the registry; None where none is known.

    Raises:
        NoSuchVersion: when the registry answers that there is no version of the number asked for.
    """
    subject = Subject(run=run.run, pipeline=run.pipeline, service=run.service)
    with records.database.read() as connection:
        earlier = _of_run(connection, subject, use)
    return earlier or _keep(records, subject, use, _resolved(use, records, registry))


def fitted(
    use: ProfileUse, pin: Pin, stage: Subject, records: Records, sources: Mapping[str, Any]
) -> tuple[CanaryConfig, Pin]:
    """What a stage is judged by: the pinned settings with its own on top, and the pin that they are of.

    Where the two do not fit together, or the environment has not the metric sources that the pinned settings ask, it is
    the profile's file, which was checked with the pipeline; that is a pin of the stage's own.

    Args:
        use: the profile, as the stage has it.
        pin: the run's.
        stage: the run and stage.
        records: where pins are.
        sources: the metric sources of the environment, by name.
    """
    try:
        config = _laid_over(pin.settings, use)
        missing = sorted({metric.source for metric in config.metrics if metric.source} - sources.keys())
        if pin.origin is Origin.FILE or not missing:
            return config, pin
        why = f"the environment has no metric source {missing[0]}"
    except CanaryError as error:
        if pin.origin is Origin.FILE and pin.settings == use.settings:
            raise
        why = error.why
    subject = Subject(run=stage.run, pipeline=stage.pipeline, service=stage.service, stage=stage.stage)
    what = f"version {pin.version} of {pin.profile} does not fit {stage.stage}: {why}"
    own = _keep(records, subject, use, _of_file(use, what))
    return _laid_over(own.settings, use), own


def _laid_over(settings: Mapping[str, Any], use: ProfileUse) -> CanaryConfig:
    return CanaryConfig.from_profile(use.profile, {use.profile: settings}, use.overrides)


def _resolved(use: ProfileUse, records: Records, registry: Callable[[], Registry | None]) -> Pin:
    try:
        known = registry()
        if known is None:
            return _of_file(use, "no MLflow server is known")
        found = within(PATIENCE_S, lambda: _read(known, use))
        if found is None:
            return _of_file(use, f"no version of {use.profile} is champion")
        said = registered_digest(records, use.profile, found.version)
        if said is not None and said != found.digest:
            why = f"version {found.version} was registered as {said[:19]} and is {found.digest[:19]} now"
            raise ProfileError(f"{use.asked} cannot be used", why=why)
    except NoSuchVersion:
        raise
    except (Away, Refused, ProfileError, httpx.InvalidURL) as error:
        return _without_registry(use, records, redact_text(str(error)))
    return Pin(use.profile, found.version, found.digest, Origin.REGISTRY, "", json.loads(found.text))


def _read(registry: Registry, use: ProfileUse) -> ProfileVersion | None:
    with registry:
        return registry.version(use.profile, use.version) if use.version else registry.aliased(use.profile, CHAMPION)


def _without_registry(use: ProfileUse, records: Records, why: str) -> Pin:
    """The last pin of the same, or the file."""
    for limit in (_NEWEST, None):
        newest = records.search(kind=Kind.PROFILE, newest_first=True, limit=limit)
        found = next(_pins_of(newest, use), None)
        if found is not None:
            return replace(found, origin=Origin.LAST_PINNED, why=why)
        if limit is None or len(newest) < limit:
            break
    return _of_file(use, f"{why}; no run has pinned {use.asked} before")


def _pins_of(records: list[Record], use: ProfileUse) -> Iterator[Pin]:
    """Pins that runs got from the registry when they asked for the same, as far as they can still be used."""
    for record in records:
        body = record.body
        if (body.get("event"), body.get("asked")) != (PINNED, use.asked) or body.get("simulated"):
            continue
        pin = _pin_of(record)
        if pin is not None and pin.version > 0:
            yield pin


def _of_file(use: ProfileUse, why: str) -> Pin:
    return Pin(use.profile, 0, digest_of(text_of(use.settings)), Origin.FILE, why, use.settings)


def _keep(records: Records, subject: Subject, use: ProfileUse, pin: Pin) -> Pin:
    """Writes the pin down, unless the run or stage has one by now, which counts then."""
    body: dict[str, Json] = {"event": PINNED, "asked": use.asked, **asdict(pin), "who": subject.pipeline}
    with records.database.write() as connection:
        earlier = _of_run(connection, subject, use)
        if earlier is not None:
            return earlier
        chain.append(connection, utc_now(), Kind.PROFILE, subject, body)
    tell = log.warning if pin.origin is Origin.LAST_PINNED else log.info
    tell("profile_pinned profile=%s version=%s origin=%s why=%s", pin.profile, pin.version, pin.origin, pin.why)
    return pin


def _of_run(connection: Connection, subject: Subject, use: ProfileUse) -> Pin | None:
    """The pin that a run, or one of its stages, has."""
    wanted = {"kind": Kind.PROFILE.value, "run": subject.run, "stage": subject.stage}
    for record in chain.search(connection, wanted):
        if (record.body.get("event"), record.body.get("asked")) == (PINNED, use.asked):
            return _pin_of(record) or _of_file(use, str(record.body.get("why", "")))
    return None


def _pin_of(record: Record) -> Pin | None:
    """The pin that a record holds; None where its settings are not whole, as those of a file with a secret."""
    body: Any = record.body
    try:
        usable(text_of(body["settings"]), str(body["profile"]), str(body["digest"]))
        origin, version = Origin(str(body["origin"])), int(body["version"])
    except (KeyError, TypeError, ValueError, ProfileError):
        return None
    return Pin(str(body["profile"]), version, str(body["digest"]), origin, str(body["why"]), body["settings"])
