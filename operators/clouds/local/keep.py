"""Keeps the local cloud running: what dies is back within seconds, on the same ports and weights.

Run as `python -m operators.clouds.local.keep`, supervised. It owns nothing: routers and instances
outlive it, and it may be started as often as one likes.
"""

import logging
import time
from typing import Final

from canary.errors import GennakerError
from operators.clouds.local import LocalCloud

#: Seconds between two looks; a look at a cloud that runs costs 2 ms.
EVERY_S: Final = 1.0

log = logging.getLogger(__name__)


def main() -> None:
    """Looks for ever."""
    logging.basicConfig(level=logging.INFO)
    cloud = LocalCloud()
    while True:
        try:
            cloud.ensure_running()
        except GennakerError as error:
            log.warning("the cloud is not whole, looking again in %s s: %s", EVERY_S, error)
        time.sleep(EVERY_S)


if __name__ == "__main__":
    main()
