#!/bin/sh
# ministack 1.5.33: EC2's filters that it does not know are no error and limit nothing. DescribeSecurityGroups with the filter
# `group-id` lists every group of the region, and DescribeVpcEndpoints with `vpc-id` the endpoints of every VPC. Both are in
# the API reference, as is `group-name`, which works.
# Guessed: a filter works, or is refused.
# Seen (November 2026): what is expected below.
set -eu
folder=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server"; rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/python" -m pip install --quiet --disable-pip-version-check ministack==1.5.33
cat >"$folder/expected" <<'EXPECTED'
groups by group-name: 1
groups by group-id: all of them
endpoints by vpc-id: of 2 VPCs
EXPECTED
port=$("$folder/env/bin/python" -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
cd "$folder"
BIND_HOST=127.0.0.1 GATEWAY_PORT=$port IOT_MTLS_ENABLED=0 env/bin/ministack >server.log 2>&1 &
server=$!
env/bin/python - "$port" >seen <<'PYTHON'
import sys
import time

import botocore.session
from botocore.exceptions import EndpointConnectionError

ec2 = botocore.session.get_session().create_client(
    "ec2",
    region_name="us-east-1",
    endpoint_url=f"http://127.0.0.1:{sys.argv[1]}",
    aws_access_key_id="test",
    aws_secret_access_key="test",
)
for _ in range(60):
    try:
        vpcs = [ec2.create_vpc(CidrBlock=f"10.{number}.0.0/16")["Vpc"]["VpcId"] for number in (1, 2)]
        break
    except EndpointConnectionError:
        time.sleep(0.5)
group = ec2.create_security_group(GroupName="one", Description="one", VpcId=vpcs[0])["GroupId"]
for vpc in vpcs:
    ec2.create_vpc_endpoint(VpcId=vpc, ServiceName="com.amazonaws.us-east-1.s3")


def groups(*filters):
    return ec2.describe_security_groups(Filters=list(filters))["SecurityGroups"]


print("groups by group-name:", len(groups({"Name": "group-name", "Values": ["one"]})))
by_id = groups({"Name": "group-id", "Values": [group]})
print("groups by group-id:", "all of them" if len(by_id) == len(groups()) > 1 else len(by_id))
found = ec2.describe_vpc_endpoints(Filters=[{"Name": "vpc-id", "Values": vpcs[:1]}])["VpcEndpoints"]
print("endpoints by vpc-id: of", len({endpoint["VpcId"] for endpoint in found}), "VPCs")
PYTHON
cat seen
diff expected seen >&2 || { echo "$0: this has changed" >&2; exit 1; }
