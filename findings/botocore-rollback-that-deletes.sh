#!/bin/sh
# botocore 1.44.8: RollbackStack deletes a stack that has no stable state to go back to, which is one whose creation failed
# (https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_RollbackStack.html). The waiter that is made for it,
# `stack_rollback_complete`, does not know that end: by the stack's ARN it asks on until its last attempt, after an hour; by
# its name, which nothing has any more, it reports a failure.
# Guessed: the waiter of an operation knows how the operation ends.
# Seen (November 2026): what is expected below.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/python" -m pip install --quiet --disable-pip-version-check botocore==1.44.8
cat >"$folder/expected" <<'EXPECTED'
UPDATE_ROLLBACK_COMPLETE: success
DELETE_COMPLETE, by its ARN: Max attempts exceeded
deleted, by its name: Waiter encountered a terminal failure state
attempts: 120, every 30 s
EXPECTED
cd "$folder"
env/bin/python - >seen <<'PYTHON'
import datetime

import botocore.session
from botocore.exceptions import WaiterError
from botocore.stub import Stubber

ARN = "arn:aws:cloudformation:us-east-1:123456789012:stack/shop/00000000-0000-0000-0000-000000000000"
CREDENTIALS = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
client = botocore.session.get_session().create_client("cloudformation", region_name="us-east-1", **CREDENTIALS)


def waited(stack, status):
    """How the waiter ends on a stack that stays in a status, or is not there; with three attempts, without pauses."""
    with Stubber(client) as stub:
        for _ in range(3):
            if status:
                described = {"StackName": "shop", "CreationTime": datetime.datetime(2026, 1, 1), "StackStatus": status}
                stub.add_response("describe_stacks", {"Stacks": [described]})
            else:
                stub.add_client_error("describe_stacks", "ValidationError", "Stack with id shop does not exist", 400)
        try:
            waiter.wait(StackName=stack, WaiterConfig={"Delay": 0, "MaxAttempts": 3})
        except WaiterError as error:
            return error.kwargs["reason"].partition(":")[0].partition(".")[0]
        return "success"


waiter = client.get_waiter("stack_rollback_complete")
print("UPDATE_ROLLBACK_COMPLETE:", waited(ARN, "UPDATE_ROLLBACK_COMPLETE"))
print("DELETE_COMPLETE, by its ARN:", waited(ARN, "DELETE_COMPLETE"))
print("deleted, by its name:", waited("shop", None))
print(f"attempts: {waiter.config.max_attempts}, every {waiter.config.delay} s")
PYTHON
cat seen
diff expected seen >&2 || { echo "$0: this has changed" >&2; exit 1; }
