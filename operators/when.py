"""The condition of a stage: a sandboxed Jinja expression over what the run knows."""

from collections.abc import Mapping

from jinja2 import StrictUndefined, TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from operators.errors import ConditionError

_SANDBOX = ImmutableSandboxedEnvironment(undefined=StrictUndefined)


def is_wanted(condition: str, names: Mapping[str, object]) -> bool:
    """Whether `condition` holds for `names`; an empty condition always does.

    Raises ConditionError when it cannot be evaluated: a stage is never run or skipped by mistake.
    """
    if not condition:
        return True
    try:
        return bool(_SANDBOX.compile_expression(condition, undefined_to_none=False)(**names))
    except (TemplateError, TypeError, ValueError, ArithmeticError) as error:
        raise ConditionError(
            f"the condition {condition!r} cannot be evaluated",
            why=str(error),
            mend=f"use only {', '.join(sorted(names))}, and compare values of one type",
        ) from error
