"""Calls a method of a local cloud, killed one effect later each time, until a call gets through.

Reads a pickled `(root, store, method, arguments)` from standard input; prints how often it was killed.
"""

import os
import pickle
import signal
import sys
from pathlib import Path
from typing import Any

from operators.clouds.local import LocalCloud

#: What a method does to the world outside its process: files, programs, requests.
EFFECTS = ("os.rename", "os.remove", "subprocess.Popen", "socket.connect")


def die_at(effect: int) -> None:
    """Has this process killed right before its n-th effect."""
    left = effect

    def count(event: str, _: tuple[Any, ...]) -> None:
        nonlocal left
        if event in EFFECTS:
            left -= 1
            if not left:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(count)


def is_killed(call: Any, effect: int) -> bool:
    """Whether the call was killed at its n-th effect, rather than getting through."""
    child = os.fork()
    if not child:
        die_at(effect)
        call()
        os._exit(0)
    _, status = os.waitpid(child, 0)
    if os.WIFEXITED(status) and os.WEXITSTATUS(status):
        raise SystemExit(f"the call failed after it was killed {effect - 1} times")
    return os.WIFSIGNALED(status)


def main() -> None:
    root, store, method, arguments = pickle.load(sys.stdin.buffer)
    call = getattr(LocalCloud(Path(root), Path(store)), method)
    effect = 1
    while is_killed(lambda: call(*arguments), effect):
        effect += 1
    print(effect - 1)


if __name__ == "__main__":
    main()
