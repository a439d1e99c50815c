"""CloudFormation is asked for the change sets of one plan."""

import contextlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from botocore.exceptions import BotoCoreError, ClientError

from ecs_blue_green.deployer.aws import Aws
from ecs_blue_green.deployer.clock import Sleep
from ecs_blue_green.deployer.cloudformation import change_sets, stale, upload
from ecs_blue_green.deployer.cloudformation.change_sets import ChangeSet, Request
from ecs_blue_green.deployer.cloudformation.describe import Stack
from ecs_blue_green.deployer.cloudformation.schedule import WORKERS
from ecs_blue_green.deployer.environment import Environment
from ecs_blue_green.deployer.errors import Failed
from ecs_blue_green.deployer.layers import Layer
from ecs_blue_green.deployer.pace import Pace


@dataclass(frozen=True)
class Requests:
    """Requests for change sets, all of them with one pace, and the change sets that came of them.

    They are those of a run of `verb`, or with a `name` those of a plan that is kept. `made` has the ARN of
    each, and of the empty stack that came with it where the stack is new.
    """

    aws: Aws
    environment: Environment
    verb: str
    name: str | None = None
    pace: Pace = field(default_factory=Pace)
    made: list[tuple[str, str | None]] = field(default_factory=list)

    def change_set(
        self, layer: Layer, stack: Stack | None, role: str | None, sleep: Sleep
    ) -> ChangeSet | None:
        """Have the layer's change set made; None when it would change nothing.

        `stack` is the layer's where it is to be updated, `role` the one through which that is done. Raises
        Failed where CloudFormation refuses the change.
        """
        stack_name = self.environment.stack_name(layer.slug)
        client = self.aws.client("cloudformation")
        change_set: ChangeSet | None = None
        try:
            with upload.template_argument(self.aws, self.environment, layer) as template:
                request = Request(
                    stack_name=stack.arn if stack else stack_name,
                    kind="UPDATE" if stack else "CREATE",
                    template=template,
                    parameters=layer.given(self.environment),
                    tags=layer.tags(self.environment),
                    capabilities=layer.capabilities,
                    role_arn=role,
                    description=stale.description(self.verb),
                    name=self.name,
                )
                change_set = change_sets.create(client, request, sleep, self.pace)
                if change_set:
                    self.made.append((change_set.arn, None if stack else change_set.stack_arn))
        except Failed:
            # Its template could not be taken from the bucket again: nobody goes on with the change set.
            if change_set:
                change_sets.remove(client, change_set.arn, None if stack else change_set.stack_arn)
            raise
        except change_sets.ChangeSetFailedError as error:
            raise self._refused(f"the change of {stack_name}", str(error)) from error
        except ClientError as error:
            if error.response["Error"]["Code"] != "ValidationError":
                raise
            what = f"build/{layer.slug}.yaml"
            raise self._refused(what, error.response["Error"]["Message"]) from error
        return change_set

    def discard(self) -> None:
        """Remove all that was made, as far as AWS can be asked; the next run finds what is left."""
        with ThreadPoolExecutor(WORKERS) as pool:
            list(pool.map(self._remove, self.made))

    def _remove(self, made: tuple[str, str | None]) -> None:
        with contextlib.suppress(ClientError, BotoCoreError):
            change_sets.remove(self.aws.client("cloudformation"), *made)

    def _refused(self, what: str, why: str) -> Failed:
        return Failed(
            f"CloudFormation refuses {what}",
            why.rstrip("."),
            f"correct templates/ or params/{self.environment.name}.yaml, then run again",
        )
