"""Errors of the operators' floor.

GennakerError
├── CloudError
│   ├── GroupNotReady      traffic was refused: no fresh proof of health
│   ├── StaleFence         an older operation came after a newer one
│   └── UnknownCloud
├── RecordError            the records could not be read, or are not what was written
└── LeaseHeld              another run is changing this cluster
"""

from canary.errors import GennakerError


class CloudError(GennakerError):
    """A cloud could not do what was asked."""


class GroupNotReady(CloudError):
    """A server group had no fresh proof of health when traffic was to move to it."""


class StaleFence(CloudError):
    """A change carried a fence older than one already applied, so it was refused."""


class UnknownCloud(CloudError):
    """An environment names a cloud that is not registered."""


class RecordError(GennakerError):
    """The records could not be read, or are not what was written."""


class LeaseHeld(GennakerError):
    """Another run holds the lease of a service, environment and region."""
