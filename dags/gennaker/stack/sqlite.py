"""How the local stack's Airflow opens its SQLite database."""

import sqlite3
from typing import Any, Final


class Unhurried(sqlite3.Connection):
    """A connection whose commits do not wait for the disk.

    Four components write to one file, and a commit that waits for a slow disk keeps all others from
    writing. With a write-ahead log a power cut costs the last moments but never the file
    (https://www.sqlite.org/pragma.html#pragma_synchronous); what a release did is in the records,
    which do wait.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.execute("PRAGMA synchronous = NORMAL").close()


#: Airflow's `[database] sql_alchemy_connect_args` and `sql_alchemy_connect_args_async`, imported by name.
CONNECT_ARGS: Final[dict[str, Any]] = {"factory": Unhurried}
