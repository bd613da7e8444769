import doctest
import importlib
import pkgutil

import canary


def test_the_examples_in_the_docstrings_are_right() -> None:
    names = [module.name for module in pkgutil.walk_packages(canary.__path__, "canary.")]
    results = [doctest.testmod(importlib.import_module(name)) for name in names]
    assert sum(result.failed for result in results) == 0
    assert sum(result.attempted for result in results) >= 5
