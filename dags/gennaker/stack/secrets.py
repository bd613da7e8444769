"""What only the owner of a stack may read: keys and passwords, made once, mode 0600."""

import base64
import json
import os
import secrets
from collections.abc import Callable
from pathlib import Path

from gennaker.stack.settings import StackSettings

#: Airflow's simple auth manager knows viewer < user < op < admin.
USERS = {"admin": "admin", "alice": "op", "vera": "viewer"}


def ensure_secrets(settings: StackSettings) -> None:
    """Makes the keys and passwords that do not exist yet; safe to repeat.

    The keys go to `airflow.cfg`, not to the environment, which every command that a
    pipeline runs would inherit.
    """
    settings.airflow_home.mkdir(parents=True, exist_ok=True, mode=0o700)
    _write_once(settings.airflow_home / "airflow.cfg", _keys)
    _write_once(settings.passwords, _passwords)


def passwords(settings: StackSettings) -> dict[str, str]:
    """Password by user name; empty before the first start."""
    try:
        return dict(json.loads(settings.passwords.read_text()))
    except FileNotFoundError:
        return {}


def _keys() -> str:
    fernet = base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()
    return (
        f"[core]\nfernet_key = {fernet}\n\n"
        f"[api]\nsecret_key = {secrets.token_urlsafe(32)}\n\n"
        f"[api_auth]\njwt_secret = {secrets.token_urlsafe(48)}\n"
    )


def _passwords() -> str:
    return json.dumps({user: secrets.token_urlsafe(12) for user in USERS}) + "\n"


def _write_once(path: Path, content: Callable[[], str]) -> None:
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return
    with os.fdopen(handle, "w") as file:
        file.write(content())
