"""The problems found so far in one file, each at its place."""

from gennaker.errors import PipelineErrors, Problem
from gennaker.tree import Table, place_of


class Report:
    """Collects problems of what `tree` says.

    Args:
        tree: what the pipeline was validated from, with its places.
    """

    def __init__(self, tree: Table) -> None:
        self.tree = tree
        self.problems: list[Problem] = []

    def add(self, what: str, *path: str | int) -> None:
        """Notes what is wrong with the value at `path`."""
        self.problems.append(Problem(place_of(self.tree, path), what))

    def take(self, errors: PipelineErrors, *path: str | int) -> None:
        """Notes what is wrong with another file that the value at `path` asks for."""
        place = place_of(self.tree, path)
        self.problems.extend(problem.used_at(place) for problem in errors.problems)

    def refuse(self) -> None:
        """Raises PipelineErrors when there are problems."""
        if self.problems:
            raise PipelineErrors(sorted(self.problems))
