"""Records, and the journal by which each change to the world is done once."""

from operators.records.chain import Verification
from operators.records.claims import Operation
from operators.records.journal import Journal
from operators.records.leases import Lease, Leases
from operators.records.looks import Looks
from operators.records.record import Json, Kind, Record, Subject
from operators.records.records import Records

__all__ = [
    "Journal",
    "Json",
    "Kind",
    "Lease",
    "Leases",
    "Looks",
    "Operation",
    "Record",
    "Records",
    "Subject",
    "Verification",
]
