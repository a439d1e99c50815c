#!/bin/sh
# botocore 1.44.8: the waiter `services_stable` (`aws ecs wait services-stable`) counts a service's deployments, of which one
# that CodeDeploy deploys has none: its task sets are what is deployed. So it asks for ten minutes and gives up, however steady
# the service is. Reported in 2023 (https://github.com/boto/botocore/issues/2865).
# Guessed: who waits for a stable service waits for each kind of service that ECS has.
# Seen (November 2026): what is expected below.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/python" -m pip install --quiet --disable-pip-version-check botocore==1.44.8
cat >"$folder/expected" <<'EXPECTED'
controller ECS, one deployment: stable
controller CODE_DEPLOY, a steady task set: Max attempts exceeded
attempts: 40, every 15 s
EXPECTED
cd "$folder"
env/bin/python - >seen <<'PYTHON'
import botocore.session
from botocore.exceptions import WaiterError
from botocore.stub import Stubber

CREDENTIALS = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
client = botocore.session.get_session().create_client("ecs", region_name="us-east-1", **CREDENTIALS)
SERVICE = {"serviceName": "shop", "status": "ACTIVE", "desiredCount": 2, "runningCount": 2, "pendingCount": 0}
TASK_SET = {"status": "PRIMARY", "computedDesiredCount": 2, "runningCount": 2, "stabilityStatus": "STEADY_STATE"}
DEPLOYMENT = {"status": "PRIMARY", "desiredCount": 2, "runningCount": 2, "rolloutState": "COMPLETED"}


def waited(**parts):
    """How the waiter ends on a service that stays as it is; with three attempts, without pauses."""
    with Stubber(client) as stub:
        for _ in range(3):
            stub.add_response("describe_services", {"services": [{**SERVICE, **parts}], "failures": []})
        try:
            waiter.wait(cluster="shop", services=["shop"], WaiterConfig={"Delay": 0, "MaxAttempts": 3})
        except WaiterError as error:
            return error.kwargs["reason"].partition(":")[0].partition(".")[0]
        return "stable"


waiter = client.get_waiter("services_stable")
print("controller ECS, one deployment:", waited(deploymentController={"type": "ECS"}, deployments=[DEPLOYMENT]))
of_code_deploy = {"deploymentController": {"type": "CODE_DEPLOY"}, "deployments": [], "taskSets": [TASK_SET]}
print("controller CODE_DEPLOY, a steady task set:", waited(**of_code_deploy))
print(f"attempts: {waiter.config.max_attempts}, every {waiter.config.delay} s")
PYTHON
cat seen
diff expected seen >&2 || { echo "$0: this has changed" >&2; exit 1; }
