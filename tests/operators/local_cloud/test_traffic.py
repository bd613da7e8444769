"""No request is lost, and each group gets what was set."""

import time

from tests.operators.local_cloud.town import Town


def test_no_request_is_lost_while_weights_change_and_groups_are_swapped(town: Town) -> None:
    """Invariant 1, seen by clients."""
    stable = town.group("stable", capacity=2)
    town.route({stable: 100})
    took_ms = []
    with town.load(250) as load:
        for release in range(3):
            fresh = town.group(f"release {release}", capacity=2)
            for percent in (1, 5, 20, 50, 20, 50, 80, 100):
                began = time.monotonic()
                town.route({stable: 100 - percent, fresh: percent})
                took_ms.append((time.monotonic() - began) * 1000)
                time.sleep(0.1)
            town.cloud.destroy(stable)
            stable = fresh
    took_ms.sort()
    print(f"requests={load.answers.total()} lost={len(load.lost)} weight changes={len(took_ms)}")
    print(f"route ms: median={took_ms[len(took_ms) // 2]:.1f} max={took_ms[-1]:.1f}")
    assert load.lost == []
    assert load.answers.total() > 500
