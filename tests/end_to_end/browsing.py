"""Airflow in a real browser, as one who is logged in."""

from pathlib import Path

ARTIFACTS = Path(__file__).parents[1] / "artifacts"

#: Longer than the stack's own patience on a machine that other tests keep busy.
PATIENCE_MS = 90_000


def logged_in(stack, browser, user: str):
    """A page of a browser after the login."""
    page = browser.new_page(viewport={"width": 1400, "height": 900})
    page.set_default_timeout(PATIENCE_MS)
    page.goto(stack.settings.airflow_url)
    page.get_by_label("Username").fill(user)
    page.get_by_label("Password").fill(stack.password_of(user))
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/")
    return page
