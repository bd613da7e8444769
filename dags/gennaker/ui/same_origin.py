"""Whether a request comes from our own pages: the login is a cookie, which browsers send with the forms of others."""

from collections.abc import Mapping
from urllib.parse import urlsplit


def is_same_origin(headers: Mapping[str, str]) -> bool:
    """Whether the browser says so, or none is involved.

    `Sec-Fetch-Site` is believed first: a page can neither set nor remove it (Fetch Metadata Request Headers, W3C).
    Browsers leave it out on plain HTTP; then `Origin` has to name the host that was asked (RFC 6454). A client that
    sends neither is no browser, and must bring a token of its own, which no other site has.
    """
    if site := headers.get("sec-fetch-site"):
        return site == "same-origin"
    if origin := headers.get("origin"):
        return urlsplit(origin).netloc == headers.get("host")
    return "authorization" in headers
