"""Free ports on this machine's own address, the only one the local cloud listens on."""

import random
import socket
from collections.abc import Collection
from itertools import chain, islice
from typing import Final

from operators.errors import CloudError

LOOPBACK: Final = "127.0.0.1"

#: Below the ports that Linux (32768+) and macOS (49152+) give to outgoing connections, so that a
#: remembered port is not taken by one while its owner restarts.
_PORTS: Final = range(10_240, 32_768)


def free_ports(count: int, taken: Collection[int]) -> tuple[int, ...]:
    """Ports that nobody listens on now and that are not in `taken`.

    Raises CloudError when there are too few.
    """
    start = random.randrange(len(_PORTS))  # two clouds that look at once shall not find the same
    candidates = chain(_PORTS[start:], _PORTS[:start])
    found = tuple(islice((port for port in candidates if port not in taken and _is_free(port)), count))
    if len(found) < count:
        raise CloudError(f"{count} free ports were not found", why=f"{len(found)} are free in {_PORTS}")
    return found


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True
