#!/bin/sh
# moto 5.2.5: a stack that is made by executing a change set has no outputs, and the change set can be executed again and
# again; the same template through CreateStack has its outputs. CloudFormation refuses the second execution with
# InvalidChangeSetStatus (botocore, ExecuteChangeSet).
# Guessed: both ways end in the same stack.
# Seen (November 2026): what is expected below.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/python" -m pip install --quiet --disable-pip-version-check 'moto[cloudformation]==5.2.5' boto3==1.44.8
cat >"$folder/expected" <<'EXPECTED'
CreateStack: CREATE_COMPLETE, outputs: Url
change set: CREATE_COMPLETE, outputs: none
its second execution: accepted
EXPECTED
cd "$folder"
env/bin/python - >seen <<'PYTHON'
import json

import boto3
from botocore.exceptions import ClientError
from moto import mock_aws

template = json.dumps(
    {"Resources": {"Queue": {"Type": "AWS::SQS::Queue"}}, "Outputs": {"Url": {"Value": {"Ref": "Queue"}}}}
)
with mock_aws():
    cloudformation = boto3.client(
        "cloudformation", "us-east-1", aws_access_key_id="test", aws_secret_access_key="test"
    )

    def shown(name):
        (stack,) = cloudformation.describe_stacks(StackName=name)["Stacks"]
        outputs = [output["OutputKey"] for output in stack.get("Outputs", [])]
        return f"{stack['StackStatus']}, outputs: {', '.join(outputs) or 'none'}"

    cloudformation.create_stack(StackName="one", TemplateBody=template)
    print("CreateStack:", shown("one"))
    change_set = cloudformation.create_change_set(
        StackName="two", ChangeSetName="first", ChangeSetType="CREATE", TemplateBody=template
    )["Id"]
    cloudformation.execute_change_set(ChangeSetName=change_set)
    print("change set:", shown("two"))
    try:
        cloudformation.execute_change_set(ChangeSetName=change_set)
        print("its second execution: accepted")
    except ClientError as error:
        print("its second execution:", error.response["Error"]["Code"])
PYTHON
cat seen
diff expected seen >&2 || { echo "$0: this has changed" >&2; exit 1; }
