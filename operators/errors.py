"""Errors of the operators' floor.

GennakerError
├── CloudError
│   ├── GroupNotReady      traffic was refused: no fresh proof of health
│   ├── StaleFence         an older operation came after a newer one
│   └── UnknownCloud
├── SupervisorError        a supervised program could not be started or stopped
├── RecordError            the records could not be read, or are not what was written
├── LeaseHeld              another run is changing this cluster
├── ProfileError           a version of a threshold profile cannot be used
│   └── NoSuchVersion      there is none of that number
├── ConditionError         the `when` of a stage cannot be evaluated
└── ChangeClosed           a step came after the change was cut or promoted
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


class ChangeClosed(GennakerError):
    """A step of a change came after the change had been cut, promoted or rolled back."""


class ConditionError(GennakerError):
    """The `when` of a stage cannot be evaluated."""


class SupervisorError(GennakerError):
    """A supervised program could not be started or stopped."""


class ProfileError(GennakerError):
    """A version of a threshold profile cannot be used, or not be reached."""


class NoSuchVersion(ProfileError):
    """A threshold profile has no version of that number."""
