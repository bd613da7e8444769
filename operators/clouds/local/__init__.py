"""The local cloud: regions are Envoys, instances are processes, all on this machine's loopback."""

from operators.clouds.local.cloud import LocalCloud

__all__ = ["LocalCloud"]
