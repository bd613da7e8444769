"""The tables of the records database, in SQL that SQLite and Postgres both speak."""

from sqlalchemy import (
    DDL,
    BigInteger,
    Column,
    Double,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    UniqueConstraint,
    event,
)

METADATA = MetaData()
_BIG = BigInteger().with_variant(Integer, "sqlite")  # SQLite counts up only INTEGER keys


def _subject() -> list[Column[str]]:
    return [
        Column(name, Text, nullable=False) for name in ("run", "pipeline", "service", "environment", "region", "stage")
    ]


#: The chain. `at` is an ISO 8601 text and `body` canonical JSON, kept as the bytes that were hashed.
RECORDS = Table(
    "records",
    METADATA,
    Column("seq", _BIG, primary_key=True, autoincrement=False),
    Column("at", Text, nullable=False),
    Column("kind", Text, nullable=False),
    *_subject(),
    Column("body", Text, nullable=False),
    Column("previous", Text, nullable=False),
    Column("digest", Text, nullable=False),
    Index("records_by_run", "run", "seq"),
    Index("records_by_kind", "kind", "seq"),
    Index("records_by_cluster", "service", "environment", "region", "seq"),
)

#: One row: where the chain ends, and the last fence given out. Writers lock it first.
HEAD = Table(
    "head",
    METADATA,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("seq", _BIG, nullable=False),
    Column("digest", Text, nullable=False),
    Column("fence", _BIG, nullable=False),
)

#: One row per operation key; the claim on it is `fence`, `owner` and `renewed_at` (seconds since 1970).
OPERATIONS = Table(
    "operations",
    METADATA,
    Column("key", Text, primary_key=True),
    *_subject(),
    Column("seq", _BIG, nullable=False),
    Column("intent", Text, nullable=False),
    Column("state", String(16), nullable=False),
    Column("fence", _BIG, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("owner", Text, nullable=False),
    Column("renewed_at", Double, nullable=False),
    Column("result", Text, nullable=False),
    Column("error", Text, nullable=False),
    Index("operations_by_state", "state", "seq"),
)

#: Who may change a cluster.
LEASES = Table(
    "leases",
    METADATA,
    Column("cluster", Text, primary_key=True),
    Column("run", Text, nullable=False, index=True),
    Column("since", Text, nullable=False),
)

#: The looks of a judgment.
LOOKS = Table(
    "looks",
    METADATA,
    Column("judgment", Text, nullable=False),
    Column("number", Integer, nullable=False),
    Column("payload", Text, nullable=False),
    PrimaryKeyConstraint("judgment", "number"),
)

#: What MLflow is to be told, in order; not part of the chain. A sent payload is emptied, its row stays.
OUTBOX = Table(
    "outbox",
    METADATA,
    Column("id", _BIG, primary_key=True, autoincrement=True),
    Column("judgment", Text, nullable=False),
    Column("part", Text, nullable=False),
    Column("payload", Text, nullable=False),
    Column("state", String(16), nullable=False),
    Column("error", Text, nullable=False),
    UniqueConstraint("judgment", "part"),
    Index("outbox_by_state", "state", "id"),
)

#: The MLflow run of a judgment, and until when (seconds since 1970) one deliverer has it to itself.
TRACKED = Table(
    "tracked",
    METADATA,
    Column("judgment", Text, primary_key=True),
    Column("experiment_id", Text, nullable=False),
    Column("run_id", Text, nullable=False),
    Column("artifact_uri", Text, nullable=False),
    Column("claim", Text, nullable=False),
    Column("claimed_until", Double, nullable=False),
)


def _on_creation(table: Table, dialect: str, statement: str) -> None:
    ddl = DDL(statement)  # type: ignore[no-untyped-call]  # SQLAlchemy leaves this constructor without types
    event.listen(table, "after_create", ddl.execute_if(dialect=dialect))


def _forbid_changes(table: Table) -> None:
    """Makes the database itself refuse to change or remove a row."""
    name, refusal = table.name, f"{table.name} are append-only"
    for verb in ("UPDATE", "DELETE"):
        trigger = f"CREATE TRIGGER {name}_no_{verb.lower()} BEFORE {verb} ON {name}"
        _on_creation(table, "sqlite", f"{trigger} BEGIN SELECT RAISE(ABORT, '{refusal}'); END")
    function = f"CREATE FUNCTION {name}_append_only() RETURNS trigger LANGUAGE plpgsql"
    _on_creation(table, "postgresql", f"{function} AS $$ BEGIN RAISE EXCEPTION '{refusal}'; END $$")
    trigger = f"CREATE TRIGGER {name}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {name}"
    _on_creation(table, "postgresql", f"{trigger} FOR EACH STATEMENT EXECUTE FUNCTION {name}_append_only()")


_forbid_changes(RECORDS)
_forbid_changes(LOOKS)
