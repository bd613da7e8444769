"""Whether a text is a cron expression."""

from functools import lru_cache


@lru_cache(maxsize=4096)
def is_cron(text: str) -> bool:
    """Whether `text` is a cron expression of five fields."""
    from croniter import croniter

    return len(text.split()) == 5 and bool(croniter.is_valid(text))
