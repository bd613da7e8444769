"""How the stack's Airflow opens its SQLite database."""

import asyncio
from pathlib import Path

from sqlalchemy import create_engine, text
from sqlalchemy.ext.asyncio import create_async_engine

from gennaker.stack.environment import environment
from gennaker.stack.settings import StackSettings
from gennaker.stack.sqlite import CONNECT_ARGS

#: What SQLite answers to `PRAGMA synchronous` where a commit does not wait for the disk.
NORMAL = 1
ASK = text("PRAGMA synchronous")


def test_airflow_is_told_to_open_its_database_so(settings: StackSettings) -> None:
    told = environment(settings)
    for way in ("", "_ASYNC"):
        assert told[f"AIRFLOW__DATABASE__SQL_ALCHEMY_CONNECT_ARGS{way}"] == "gennaker.stack.sqlite.CONNECT_ARGS"


def test_a_commit_does_not_wait_for_the_disk(tmp_path: Path) -> None:
    engine = create_engine(f"sqlite:///{tmp_path}/airflow.db?timeout=60", connect_args=CONNECT_ARGS)
    with engine.connect() as connection:
        assert connection.execute(ASK).scalar_one() == NORMAL
    engine.dispose()


def test_nor_does_one_of_the_asynchronous_engine(tmp_path: Path) -> None:
    async def ask() -> int:
        engine = create_async_engine(f"sqlite+aiosqlite:///{tmp_path}/airflow.db", connect_args=CONNECT_ARGS)
        async with engine.connect() as connection:
            answer = int((await connection.execute(ASK)).scalar_one())
        await engine.dispose()
        return answer

    assert asyncio.run(ask()) == NORMAL
