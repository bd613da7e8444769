"""A process that does one operation and tells, line by line, how far it is: `actor.py URL KEY STEP...`.

At each STEP (`ready`, `acting`, `acted`) named it prints the step's name and waits for a line.
Each act adds its fence to the file ACTS; the result is printed at the end.
"""

import json
import os
import sys
from collections.abc import Mapping

from operators.records import Journal, Json, Records, Subject
from operators.records.claims import Claim, Claims
from operators.records.owner import Owner
from operators.records.records import utc_now

URL, KEY, *STEPS = sys.argv[1:]


def reach(step: str) -> None:
    if step in STEPS:
        print(step, flush=True)
        sys.stdin.readline()


class ClaimsWithStops(Claims):
    def confirm(self, claim: Claim, result: Mapping[str, Json]) -> bool:
        reach("acted")
        return super().confirm(claim, result)


def act(fence: int) -> Mapping[str, Json]:
    with open(os.environ["ACTS"], "a") as acts:
        acts.write(f"{fence}\n")
    reach("acting")
    return {"fence": fence, "pid": os.getpid()}


records = Records.open(URL)
journal = Journal(ClaimsWithStops(records.database, utc_now, Owner.current))
reach("ready")
print(json.dumps(journal.once(KEY, Subject(run="run-1"), {"change": "it"}, act)), flush=True)
records.close()
