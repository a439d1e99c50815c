"""What an ECS blue/green deployment does, stage by stage: its lifecycle events, hooks and shifts of traffic.

CodeDeploy user guide, reference-appspec-file-structure-hooks and deployment-configurations.
"""

from ecs_blue_green.emulator.engine import Record
from ecs_blue_green.emulator.services import codedeploy

# A stage of a deployment: its lifecycle event, what is done, the minutes that it waits first,
# and for a hook the function's name. It is plain data, so that it can be saved.
Stage = Record


def plan(group: Record, hooks: Record) -> list[Stage]:
    """The stages of a deployment (user guide, appspec hooks for ECS): events, hooks and shifts of traffic."""
    pair = group["loadBalancerInfo"]["targetGroupPairInfoList"][0]
    options = group.get("blueGreenDeploymentConfiguration", {})
    ready = options.get("deploymentReadyOption", {})
    wait = options.get("terminateBlueInstancesOnDeploymentSuccess", {}).get("terminationWaitTimeInMinutes", 0)
    routing = codedeploy.config(group["deploymentConfigName"])["trafficRoutingConfig"]
    stages = [
        *_hook("BeforeInstall", hooks),
        {"event": "Install", "do": "install"},
        *_hook("AfterInstall", hooks),
        *([{"event": "AllowTestTraffic", "do": "test"}] if pair.get("testTrafficRoute") else []),
        *_hook("AfterAllowTestTraffic", hooks),
    ]
    if ready.get("actionOnTimeout") == "STOP_DEPLOYMENT":
        stages.append(
            {"event": "BeforeAllowTraffic", "do": "ready", "minutes": ready.get("waitTimeInMinutes", 0)}
        )
    stages += _hook("BeforeAllowTraffic", hooks)
    stages += [
        {"event": "AllowTraffic", "do": "shift", "percent": percent, "minutes": minutes}
        for percent, minutes in shifts(routing)
    ]
    return [
        *stages,
        *_hook("AfterAllowTraffic", hooks),
        {"event": "Terminate", "do": "terminate", "minutes": wait},
    ]


def shifts(routing: Record) -> list[tuple[int, int]]:
    """The shares of green in percent, each with the minutes that pass before it."""
    if routing["type"] == "TimeBasedCanary":
        canary = routing["timeBasedCanary"]
        return [(canary["canaryPercentage"], 0), (100, canary["canaryInterval"])]
    if routing["type"] == "TimeBasedLinear":
        step, interval = (routing["timeBasedLinear"][name] for name in ("linearPercentage", "linearInterval"))
        shares = [*range(step, 100, step), 100]
        return [(share, interval if index else 0) for index, share in enumerate(shares)]
    return [(100, 0)]


def _hook(event: str, hooks: Record) -> list[Stage]:
    return [{"event": event, "do": "hook", "function": hooks[event]}] if event in hooks else []
