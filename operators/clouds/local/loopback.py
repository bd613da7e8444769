"""Free ports on this machine's own address, the only one the local cloud listens on."""

import random
import socket
from collections.abc import Collection
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
    found: list[int] = []
    for port in random.sample(_PORTS, len(_PORTS)):
        if len(found) == count:
            break
        if port not in taken and _is_free(port):
            found.append(port)
    if len(found) < count:
        raise CloudError(f"{count} free ports were not found", why=f"{len(found)} are free in {_PORTS}")
    return tuple(found)


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True
