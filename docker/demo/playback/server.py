"""Serves Playback on 127.0.0.1, port `PORT`, until SIGTERM."""

import os
import random
import time
from pathlib import Path

import uvicorn
from playback import Playback
from release import read_release
from weather import Weather

#: Longer than a router keeps an idle connection (Envoy: one hour), so that the router is always
#: the one to close it: the other way round, a request can meet a connection that just closed.
KEEP_ALIVE_S = 7200


def main() -> None:
    """Serves until told to stop; then finishes what is in flight, within a second."""
    release = read_release(Path(__file__).parent)
    weather = Weather(release, os.environ.get("GENNAKER_REGION", ""), random.Random(), time.monotonic)
    # The demo's sessions guard nothing; a real service would refuse to start without its key.
    key = os.environ.get("PLAYBACK_SESSION_KEY", "demo").encode()
    uvicorn.run(
        Playback(release, weather, key).app(),
        host="127.0.0.1",
        port=int(os.environ["PORT"]),
        loop="uvloop",
        http="httptools",
        ws="none",
        lifespan="off",
        access_log=False,
        log_level="warning",
        server_header=False,
        date_header=False,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=1,
    )


if __name__ == "__main__":
    main()
