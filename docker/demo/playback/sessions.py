"""Sessions that any instance can check: the title and a nonce, signed."""

import hashlib
import hmac
import secrets


def start_session(title: str, key: bytes) -> str:
    """A new session's token for `title`."""
    body = f"{title}.{secrets.token_hex(4)}"
    return f"{body}.{_signature(body, key)}"


def is_valid(session: str, key: bytes) -> bool:
    """Whether a token was made with `key`."""
    body, _, signature = session.rpartition(".")
    return hmac.compare_digest(signature.encode(), _signature(body, key).encode())


def _signature(body: str, key: bytes) -> str:
    return hmac.new(key, body.encode(), hashlib.sha256).hexdigest()[:16]
