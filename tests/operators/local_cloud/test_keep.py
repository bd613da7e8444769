"""The keeper: whatever of the local cloud dies is back by itself."""

import os
import signal
import subprocess
import sys

from tests.operators.local_cloud.test_survival import supervisord_pid
from tests.operators.local_cloud.town import Town


def test_a_killed_cloud_supervisor_is_started_again_by_the_keeper(town: Town) -> None:
    group = town.group("v1")
    town.becomes_ready(group)
    before = supervisord_pid(town)
    environment = {**os.environ, "GENNAKER_HOME": str(town.root.parent)}
    keeper = subprocess.Popen([sys.executable, "-m", "operators.clouds.local.keep"], env=environment)
    try:
        os.kill(before, signal.SIGKILL)
        town.eventually(lambda: supervisord_pid(town) != before)
        town.becomes_ready(group)
    finally:
        keeper.kill()
        keeper.wait()
