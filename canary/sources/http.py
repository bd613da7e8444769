"""Asking a store by HTTP: bounded in time, tries and size, and silent about secrets."""

import json
import random
import re
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final

import httpx

from canary.errors import CanaryError
from canary.sources.answers import Outcome, SourceError
from canary.sources.settings import HttpSettings

#: Statuses that another try may mend: request time-out, too early, too many requests.
_TRY_AGAIN: Final = frozenset({408, 425, 429})
#: The first wait is up to this, each further one up to twice the last, none above the longest.
_FIRST_WAIT_S: Final = 0.5
_LONGEST_WAIT_S: Final = 30.0
#: This much of what a store says about a refusal is told.
_TOLD: Final = 300


@dataclass(frozen=True, slots=True)
class Clock:
    """Time and chance, passed in so that tests need neither.

    Args:
        now_s: seconds that only go forward.
        sleep: waits for so many seconds.
        wall: the time of day, for a `Retry-After` that names a date (aware).
        chance: a number from 0 to 1, for jitter.
    """

    now_s: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    wall: Callable[[], datetime] = lambda: datetime.now(UTC)
    chance: Callable[[], float] = random.random


class Http:
    """Asks one store. Every failure is a `SourceError` with its outcome.

    Tries again on 408, 425, 429, 5xx and network errors, after an exponentially growing wait with full jitter, or after
    what `Retry-After` says. Redirects are not followed, so a secret goes only where the settings say.

    Args:
        settings: address and limits.
        headers: what every request carries.
        auth: user and password, for basic authentication.
        secrets: texts that must not be seen in a message; those in `headers` and `auth` need not be named.
        clock: time and chance.
    """

    def __init__(
        self,
        settings: HttpSettings,
        *,
        headers: Mapping[str, str] | None = None,
        auth: tuple[str, str] | None = None,
        secrets: tuple[str, ...] = (),
        clock: Clock | None = None,
    ) -> None:
        self._base = _address(settings.url)
        self._settings, self._headers, self._auth = settings, dict(headers or {}), auth
        self._secrets = (*secrets, *self._headers.values(), *(auth or ()), self._base.password)
        self._clock = clock or Clock()
        self._client: httpx.Client | None = None

    def get(self, path: str, params: Mapping[str, Any] | None = None, **more: Any) -> Any:
        """The JSON that a GET of `path` (after the address) answers."""
        return self.ask("GET", path, params=params, **more)

    def post(self, path: str, **more: Any) -> Any:
        """The JSON that a POST to `path` answers; `more` are httpx' `json`, `data`, `content`, `params`, `headers`."""
        return self.ask("POST", path, **more)

    def ask(self, method: str, path: str, **more: Any) -> Any:
        """The JSON that a request answers.

        Raises:
            SourceError: unreachable, refused, malformed or too large.
        """
        content = self.ask_bytes(method, path, **more)
        try:
            return json.loads(content)
        except (ValueError, RecursionError) as error:
            raise SourceError(Outcome.MALFORMED, f"{self._place(path)} answered something other than JSON") from error

    def ask_bytes(self, method: str, path: str, **more: Any) -> bytes:
        """What a request answers, as it comes.

        Raises:
            SourceError: unreachable, refused or too large.
        """
        deadline_s = self._clock.now_s() + self._settings.patience.total_seconds()
        for attempt in range(1, self._settings.attempts + 1):
            result = self._try(method, path, more, deadline_s)
            if isinstance(result, bytes):
                return result
            wait_s = result.wait_s if result.wait_s is not None else self._jittered(attempt)
            is_last = attempt == self._settings.attempts
            if is_last or self._clock.now_s() + wait_s > deadline_s:
                tries = f"{attempt} {'try' if attempt == 1 else 'tries'}"
                raise SourceError(Outcome.UNREACHABLE, f"{self._place(path)} after {tries}: {result.why}")
            self._clock.sleep(wait_s)
        raise AssertionError("there is at least one attempt")

    def _jittered(self, attempt: int) -> float:
        return self._clock.chance() * min(_LONGEST_WAIT_S, _FIRST_WAIT_S * 2.0 ** (attempt - 1))

    def _try(self, method: str, path: str, more: Mapping[str, Any], deadline_s: float) -> "bytes | _Again":
        headers = {**self._headers, **(more.get("headers") or {})}
        rest = {name: value for name, value in more.items() if name != "headers" and value is not None}
        url = self._base.copy_with(path=f"{self._base.path.rstrip('/')}/{path.lstrip('/')}")
        try:
            with self._opened().stream(method, url, headers=headers, auth=self._auth, **rest) as response:
                content = self._content(response, path, deadline_s)
        except httpx.InvalidURL as error:
            raise SourceError(Outcome.REFUSED, f"{self._place(path)}: {self._hushed(str(error))}") from error
        except httpx.HTTPError as error:
            return _Again(self._hushed(f"{type(error).__name__} {error}".strip()))
        if response.is_success:
            return content
        told = self._hushed(content.decode(errors="replace"))[:_TOLD].strip()
        why = f"HTTP {response.status_code} {told}".strip()
        if response.status_code in _TRY_AGAIN or response.is_server_error:
            return _Again(why, self._asked_to_wait(response))
        raise SourceError(Outcome.REFUSED, f"{self._place(path)}: {why}")

    def _opened(self) -> httpx.Client:
        if self._client is None:
            settings = self._settings
            self._client = httpx.Client(
                timeout=settings.timeout.total_seconds(),
                proxy=settings.proxy,
                verify=ssl.create_default_context(cafile=settings.ca_file) if settings.ca_file else True,
                trust_env=False,
                # Queries are minutes or seconds apart; a kept connection would only be found dead.
                limits=httpx.Limits(max_keepalive_connections=0),
            )
        return self._client

    def _content(self, response: httpx.Response, path: str, deadline_s: float) -> bytes:
        content = bytearray()
        for part in response.iter_bytes():
            content += part
            if self._clock.now_s() > deadline_s:
                raise SourceError(Outcome.UNREACHABLE, f"{self._place(path)} did not answer to the end in time")
            if len(content) > self._settings.max_bytes:
                why = f"{self._place(path)} answered more than {self._settings.max_bytes:,} bytes"
                raise SourceError(Outcome.TOO_LARGE, why)
        return bytes(content)

    def _asked_to_wait(self, response: httpx.Response) -> float | None:
        """Seconds that `Retry-After` asks for (RFC 9110, 10.2.3: a number or a date); None when it does not."""
        text = response.headers.get("Retry-After", "").strip()
        if text.isascii() and text.isdigit():
            return float(text)
        try:
            return max(0.0, (parsedate_to_datetime(text) - self._clock.wall()).total_seconds())
        except (ValueError, TypeError):
            return None

    def _place(self, path: str) -> str:
        port = f":{self._base.port}" if self._base.port else ""
        return f"{self._base.scheme}://{self._base.host}{port}{self._base.path.rstrip('/')}/{path.lstrip('/')}"

    def _hushed(self, text: str) -> str:
        for secret in self._secrets:
            # A scheme such as `Bearer` is no secret, what follows it is.
            for part in {secret, secret.rpartition(" ")[2]}:
                text = text.replace(part, "***") if len(part) >= _SECRET_FROM else text
        return text


def _address(url: str) -> httpx.URL:
    try:
        address = httpx.URL(url.rstrip("/"))
    except httpx.InvalidURL as error:
        raise CanaryError("a source's url is not one", why=str(error), mend="correct it") from error
    if address.scheme not in ("http", "https") or not re.fullmatch(r"[\w.:-]+", address.host):
        raise CanaryError("a source's url is not one", why="expected http://host or https://host", mend="correct it")
    return address


#: A shorter text is no secret that could be told from other text.
_SECRET_FROM: Final = 4


@dataclass(frozen=True, slots=True)
class _Again:
    """A try that failed and may be repeated: why, and how many seconds the store asks to wait, if it does."""

    why: str
    wait_s: float | None = None


def pages(ask: Callable[[str], tuple[Any, str]], *, limit: int = 1000) -> Iterator[Any]:
    """The pages of an answer, in order.

    Args:
        ask: gives the page at a token (`""` for the first) and the token of the next, `""` after the last.
        limit: pages after which it stops.

    Raises:
        SourceError: when a token comes back a second time, or there are more pages than `limit`.
    """
    token, seen = "", {""}
    for _ in range(limit):
        page, token = ask(token)
        yield page
        if not token:
            return
        if token in seen:
            raise SourceError(Outcome.MALFORMED, f"the store gives the page {token[:40]!r} twice")
        seen.add(token)
    raise SourceError(Outcome.TOO_LARGE, f"the answer has more than {limit} pages")
