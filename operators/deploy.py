"""Deploy: a new server group, proven healthy, takes a cluster's traffic over."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from airflow.sdk.definitions.context import Context
from airflow.sdk.exceptions import AirflowFailException

from operators.change import Change
from operators.clouds import open_cloud
from operators.environment import Environment
from operators.retention import prune_groups
from operators.stage import ClusterOperator
from operators.strategies import Strategy, keeps_old, steps


class Deploy(ClusterOperator):
    """Deploys an image to one region; rolls back by itself when the new group never gets healthy.

    Args:
        image: digest of the image (a template).
        capacity: instances of the new group.
        strategy: how it takes over.
        health_timeout: how long it may take to become healthy.
    """

    template_fields = ("image",)

    def __init__(
        self, *, image: str, capacity: int, strategy: Strategy, health_timeout: timedelta, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.image = image
        self.capacity = capacity
        self.strategy = strategy
        self.health_timeout = health_timeout

    def start(self, context: Context, change: Change) -> Any:
        """Creates the group and waits, deferred, for its health."""
        environment = Environment.from_json(self.environment)
        group = change.create(image=self.image, capacity=self.capacity, health_path=environment.health_path)
        self.log.info("created %s of %s, %s instances", group, self.image, self.capacity)
        return self.await_health(context, [group], self.health_timeout, then="take_over", group=group)

    def take_over(self, context: Context, event: Mapping[str, Any], group: str) -> dict[str, str]:
        """Moves traffic by the strategy's steps, each under fresh proof, and promotes the group."""
        change = self.change_of(context)
        if event["why"]:
            reason = f"{group} did not become healthy in {self.health_timeout}: {event['why']}"
            change.roll_back(reason)
            self.turn_back(context, f"{self.scope.stage} in {self.region}: {reason}")
            raise AirflowFailException(reason)
        self.ask_again(context)
        for step in steps(self.strategy, group, change.before()):
            change.route(step.name, step.weights)
        change.promote(group, f"deployed by {self.strategy.value}")
        if not keeps_old(self.strategy):
            prune_groups(change.cloud, change.cluster, keep=0)
        address = open_cloud(Environment.from_json(self.environment).cloud).address(change.cluster, group)
        return {"group": group, "address": address}
