"""Access tokens of Google from the application default credentials."""

from collections.abc import Callable
from typing import Any, Final

from canary.errors import CanaryError
from canary.sources.answers import Outcome, SourceError

_SCOPE: Final = "https://www.googleapis.com/auth/monitoring.read"


def google_tokens() -> Callable[[], str]:
    """What gives an access token that may read metrics, got anew when the last one runs out.

    Credentials are those of google-auth: the file that GOOGLE_APPLICATION_CREDENTIALS names, or the machine's own.

    Raises:
        CanaryError: when google-auth is not installed, or finds no credentials.
    """
    try:
        import google.auth
        from google.auth.exceptions import DefaultCredentialsError, GoogleAuthError
        from google.auth.transport.requests import Request
    except ImportError as error:
        mend = "install google-auth and requests, or give the setting `token`"
        raise CanaryError("there are no credentials for Google", why=str(error), mend=mend) from error
    try:
        credentials: Any = google.auth.default(scopes=[_SCOPE])[0]
    except DefaultCredentialsError as error:
        mend = "set GOOGLE_APPLICATION_CREDENTIALS, or give the setting `token`"
        raise CanaryError("there are no credentials for Google", mend=mend) from error

    def token() -> str:
        try:
            if not credentials.valid:
                credentials.refresh(Request())
        except GoogleAuthError as error:
            outcome = Outcome.UNREACHABLE if error.retryable else Outcome.REFUSED
            raise SourceError(outcome, "Google gives no access token") from error
        return str(credentials.token)

    return token
