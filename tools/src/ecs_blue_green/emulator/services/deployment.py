"""One ECS blue/green deployment by CodeDeploy, stage by stage, in the emulated account.

It moves when it is looked at (`advance`): the stages that are due are carried out on listeners, target groups
and task sets. Hooks are not called here. Where somebody calls them, each waits for
PutLifecycleEventHookExecutionStatus, as CodeDeploy waits for the function; where nobody does, a placeholder
answers, and the deployment says so.
"""

import contextlib
import copy
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from ecs_blue_green.emulator import engine, stores
from ecs_blue_green.emulator.engine import Record
from ecs_blue_green.emulator.names import TASKS
from ecs_blue_green.emulator.refusal import Refused
from ecs_blue_green.emulator.services import codedeploy, ecs, elbv2
from ecs_blue_green.emulator.services.api import new_id, now
from ecs_blue_green.emulator.services.stages import Stage

seconds_a_minute = 60.0
# Whether somebody calls the functions of the hooks and has them answer.
hooks_are_called = True
# Whether somebody runs the tasks, and reports what became of them: Install lasts until then.
tasks_are_reported = False
# CodeDeploy's quota for a lifecycle hook (user guide, limits; November 2026).
HOOK_MINUTES = 60

RUNNING = ("Created", "Queued", "InProgress", "Baking", "Ready")
# The events of an automatic rollback, by the code of the error; any other is a failure.
ROLLBACK_EVENTS = {"ALARM_ACTIVE": "DEPLOYMENT_STOP_ON_ALARM", "MANUAL_STOP": "DEPLOYMENT_STOP_ON_REQUEST"}


@dataclass
class Deployment:
    """A deployment: what its AppSpec names, what it does when, and how far it is.

    It is saved field by field, so every field is plain data.
    """

    info: Record  # what GetDeployment answers
    target: Record  # revisions.app_spec
    stages: list[Stage]
    position: int = 0
    since: float = 0.0  # when the current stage began
    hook_id: str | None = None  # under which the answer of a hook is awaited
    # Task sets and target groups, once green was started.
    blue: str | None = None
    green: str | None = None
    serving: str | None = None
    idle: str | None = None

    @property
    def id(self) -> str:
        """Its id, such as d-1A2B3C4D5."""
        return str(self.info["deploymentId"])

    @property
    def running(self) -> bool:
        """Whether it is still in progress."""
        return self.info["status"] in RUNNING

    @property
    def stage(self) -> Stage:
        """The current stage; empty after the last."""
        return self.stages[self.position] if self.position < len(self.stages) else {}

    def group(self) -> Record | None:
        """The deployment group, or None where it was deleted."""
        group: Record | None = codedeploy.GROUPS.get(
            (self.info["applicationName"], self.info["deploymentGroupName"])
        )
        return group

    def advance(self) -> None:
        """Carry out the stages that are due."""
        while self.running and self._advance():
            pass

    def proceed(self) -> None:
        """Go to the next stage, whatever the current one waits for."""
        self.info["status"] = "InProgress"
        self.position += 1
        self.since, self.hook_id = now(), None

    def end(self, status: str, code: str, message: str, rollback: bool | None = None) -> None:
        """End before its time, with blue as before where it is to be rolled back.

        `rollback` is what a request says; without, the group's configuration decides.
        """
        configured = self.info["autoRollbackConfiguration"]
        if rollback is None:
            event = ROLLBACK_EVENTS.get(code, "DEPLOYMENT_FAILURE")
            rollback = bool(configured.get("enabled") and event in configured.get("events", []))
        self.info["errorInformation"] = {"code": code, "message": message}
        if rollback:
            # A listener or a target group may be gone: then traffic stays as it is, and the deployment ends.
            with contextlib.suppress(Refused):
                self._roll_back(message)
        self._complete(status)

    def target_id(self) -> str:
        """The id of its one target, the service."""
        reference = self._service_reference()
        return f"{reference['cluster']}:{reference['service']}"

    def shown_target(self) -> Record:
        """The service as the target: lifecycle events and task sets (GetDeploymentTarget)."""
        status = self.info["status"]
        return {
            "deploymentTargetType": "ECSTarget",
            "ecsTarget": {
                "deploymentId": self.id,
                "targetId": self.target_id(),
                "targetArn": engine.arn("ecs", f"service/{self.target_id().replace(':', '/')}"),
                "lastUpdatedAt": self.info.get("completeTime", self.since),
                "status": status if status in ("InProgress", "Ready", "Succeeded") else "Failed",
                "lifecycleEvents": list(self.lifecycle_events()),
                "taskSetsInfo": list(self._task_sets()),
            },
        }

    def lifecycle_events(self) -> Iterator[Record]:
        """Each lifecycle event with its status, in order; the termination of blue is not one."""
        events = list(dict.fromkeys(stage["event"] for stage in self.stages if stage["do"] != "terminate"))
        for event in events:
            places = [place for place, stage in enumerate(self.stages) if stage["event"] == event]
            if places[-1] < self.position:
                status = "Succeeded"
            elif places[0] <= self.position:
                status = "InProgress" if self.running else "Failed"
            else:
                status = "Pending" if self.running else "Skipped"
            yield {"lifecycleEventName": event, "status": status}

    def _advance(self) -> bool:
        """Carry out the current stage if it is due; whether it was, so that the next one may be due."""
        if missing := self._missing():
            self.end("Failed", *missing, rollback=False)
            return False
        if alarms := self._active_alarms():
            names = ", ".join(alarms)
            self.end("Stopped", "ALARM_ACTIVE", f"One or more alarms have been activated: {names}")
            return False
        stage = self.stage
        minutes = (now() - self.since) / seconds_a_minute
        if stage["do"] == "hook" and not hooks_are_called:
            self._answer_for_the_function(stage)
            return True
        if stage["do"] == "hook":
            self.hook_id = f"hook-{self.id}-{stage['event']}"
            if minutes > HOOK_MINUTES:
                self.end("Failed", "TIMEOUT", f"The hook {stage['event']} did not report within an hour.")
            return False
        if stage["do"] == "ready":
            self.info["status"] = "Ready"
            if minutes > stage["minutes"]:
                self.end("Stopped", "TIMEOUT", "The deployment was not continued before its wait time ended.")
            return False
        if minutes < stage.get("minutes", 0):
            return False
        try:
            _EFFECTS[stage["do"]](self, stage)
        except Refused as refused:
            self.end("Failed", "INTERNAL_ERROR", f"{refused.code}: {refused.message}")
            return False
        if self.running:
            self.proceed()
        return True

    def _answer_for_the_function(self, stage: Stage) -> None:
        """Go on as if the hook had succeeded; say so where users look, and to whoever runs the emulator."""
        message = (
            f"{stage['event']}: a placeholder answered Succeeded in the place of {stage['function']};"
            " make rehearse gets the real answer"
        )
        self.info.setdefault("deploymentStatusMessages", []).append(message)
        with contextlib.suppress(OSError):  # The command that would have read it may be gone.
            sys.stdout.write(f"{self.id} {message}\n")
            sys.stdout.flush()
        self.proceed()

    def _install(self, stage: Stage) -> None:
        """Start green: a task set of the new revision, behind the target group that does not serve."""
        blue = next(item for item in self._service()["taskSets"] if item["status"] == "PRIMARY")
        arns = [target_group(item["name"]) for item in self._pair()["targetGroups"]]
        serving = blue["loadBalancers"][0]["targetGroupArn"]
        idle = next(arn for arn in arns if arn != serving)
        request = {
            **self._service_reference(),
            "taskDefinition": self.target["taskDefinition"],
            "externalId": self.id,
            "loadBalancers": [
                {
                    "targetGroupArn": idle,
                    "containerName": self.target["containerName"],
                    "containerPort": self.target["containerPort"],
                }
            ],
            "scale": {"value": 100.0, "unit": "PERCENT"},
            **self.target["moved"],
        }
        # Green may have no listener yet: the deployment attaches it.
        self._forward("prodTrafficRoute", {serving: 100, idle: 0})
        green = ecs.create_task_set(request)["taskSet"]
        green["startedBy"] = "CODE_DEPLOY"
        self.blue, self.green, self.serving, self.idle = blue["id"], green["id"], serving, idle
        if tasks_are_reported:
            self.stages.insert(self.position + 1, {"event": "Install", "do": "hook", "function": TASKS})

    def _test(self, stage: Stage) -> None:
        self._send("testTrafficRoute", percent=100)

    def _shift(self, stage: Stage) -> None:
        self._send("prodTrafficRoute", stage["percent"])
        if stage["percent"] == 100:
            self._make_primary(self.green)

    def _terminate(self, stage: Stage) -> None:
        ecs.delete_task_set({**self._service_reference(), "taskSet": self.blue, "force": True})
        self._complete("Succeeded")

    def _roll_back(self, message: str) -> None:
        """Send all traffic to blue and remove green, as a deployment of its own."""
        if self.green:
            self._make_primary(self.blue)
            for route in ("prodTrafficRoute", "testTrafficRoute"):
                self._send(route, percent=0)
            with contextlib.suppress(Refused):
                ecs.delete_task_set({**self._service_reference(), "taskSet": self.green, "force": True})
        rollback = replace(
            self,
            info={
                **{name: value for name, value in self.info.items() if name != "errorInformation"},
                "deploymentId": new_deployment_id(),
                "creator": "codeDeployRollback",
                "createTime": now(),
                "rollbackInfo": {"rollbackTriggeringDeploymentId": self.id, "rollbackMessage": message},
            },
            stages=copy.deepcopy(self.stages),
            green=None,
        )
        DEPLOYMENTS[rollback.id] = rollback
        rollback._complete("Succeeded")
        self.info["rollbackInfo"] = {"rollbackDeploymentId": rollback.id, "rollbackMessage": message}

    def _complete(self, status: str) -> None:
        self.info |= {"status": status, "completeTime": now()}
        self.hook_id = None
        if status == "Succeeded":
            self.position = len(self.stages)
        group = self.group()
        if group is None:
            return
        last = {"deploymentId": self.id, "status": status}
        last |= {"createTime": self.info["createTime"], "endTime": self.info["completeTime"]}
        group["lastAttemptedDeployment"] = last
        if status == "Succeeded":
            group["lastSuccessfulDeployment"] = last

    def _make_primary(self, task_set: str | None) -> None:
        ecs.update_service_primary_task_set({**self._service_reference(), "primaryTaskSet": task_set})

    def _send(self, route: str, percent: int) -> None:
        """Send this percentage of a route's traffic to green, and the rest to blue."""
        self._forward(route, {str(self.idle): percent, str(self.serving): 100 - percent})

    def _forward(self, route: str, weights: dict[str, int]) -> None:
        for listener in self._pair().get(route, {}).get("listenerArns", []):
            elbv2.set_weights(listener, weights)

    def _pair(self) -> Record:
        pair: Record = self.info["loadBalancerInfo"]["targetGroupPairInfoList"][0]
        return pair

    def _active_alarms(self) -> list[str]:
        group = self.group() or {}
        configuration: Record = self.info.get("overrideAlarmConfiguration") or group.get(
            "alarmConfiguration", {}
        )
        if not configuration.get("enabled"):
            return []
        names = [alarm["name"] for alarm in configuration.get("alarms", [])]
        return [
            name for name in names if name in stores.alarms and stores.alarms[name]["StateValue"] == "ALARM"
        ]

    def _service_reference(self) -> Record:
        group = codedeploy.group(self.info["applicationName"], self.info["deploymentGroupName"])
        service = group["ecsServices"][0]
        return {"cluster": service["clusterName"], "service": service["serviceName"]}

    def _missing(self) -> tuple[str, str] | None:
        """Where a target of the deployment was deleted: CodeDeploy's error code, and what is missing."""
        group = self.group()
        if group is None:
            name = self.info["deploymentGroupName"]
            return "DEPLOYMENT_GROUP_MISSING", f"The deployment group {name} does not exist."
        service = group["ecsServices"][0]
        if ecs.active_service(service["clusterName"], service["serviceName"]) is None:
            return "INVALID_ECS_SERVICE", f"The service {service['serviceName']} does not exist."
        return None

    def _service(self) -> Record:
        reference = self._service_reference()
        service = ecs.active_service(reference["cluster"], reference["service"])
        if service is None:
            raise Refused("ECS_SERVICE_NOT_FOUND", f"The service {reference['service']} does not exist.")
        return service

    def _task_sets(self) -> Iterator[Record]:
        pair = self._pair()
        arns = [target_group(item["name"]) for item in pair["targetGroups"]]
        weights = elbv2.weights(pair["prodTrafficRoute"]["listenerArns"][0], arns)
        for task_set in self._service()["taskSets"]:
            arn = task_set["loadBalancers"][0]["targetGroupArn"]
            yield {
                # The member's name is spelt like this in the service's model.
                "identifer": task_set["id"],
                "desiredCount": task_set["computedDesiredCount"],
                "pendingCount": 0,
                "runningCount": task_set["runningCount"],
                "status": task_set["status"],
                "trafficWeight": float(weights.get(arn, 0)),
                "targetGroup": {"name": stores.target_groups[arn]["TargetGroupName"]},
                "taskSetLabel": "Green" if task_set["id"] == self.green else "Blue",
            }


_EFFECTS: dict[str, Callable[[Deployment, Stage], None]] = {
    "install": Deployment._install,
    "test": Deployment._test,
    "shift": Deployment._shift,
    "terminate": Deployment._terminate,
}
DEPLOYMENTS = engine.new_store()


def new_deployment_id() -> str:
    """An id as CodeDeploy gives it."""
    return f"d-{new_id().replace('-', '')[:9].upper()}"


def target_group(name: str) -> str:
    """The ARN of a target group; raises Refused where no target group has the name."""
    for arn, group in stores.target_groups.items():
        if group["TargetGroupName"] == name:
            return str(arn)
    raise Refused("InvalidLoadBalancerInfoException", f"The target group {name} does not exist.")
