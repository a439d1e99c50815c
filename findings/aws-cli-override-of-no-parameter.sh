#!/bin/sh
# AWS CLI 1.46.3: of `aws cloudformation deploy --parameter-overrides`, a name that the template does not have is left out
# without a word: the command succeeds, and the parameter that was meant keeps its value. CloudFormation would refuse the
# name (`Parameters: [...] do not exist in the template`), but is not asked with it.
# Guessed: a misspelt parameter is an error.
# Seen (November 2026): what is expected below.
set -eu
folder=$(mktemp -d)
trap 'kill "$server" 2>/dev/null || true; rm -rf "$folder"' EXIT
server=
python3 -m venv "$folder/cli"
python3 -m venv "$folder/moto"
# The two want other versions of botocore.
"$folder/cli/bin/python" -m pip install --quiet --disable-pip-version-check awscli==1.46.3
"$folder/moto/bin/python" -m pip install --quiet --disable-pip-version-check 'moto[cloudformation,server,ssm]==5.2.5'
cat >"$folder/expected" <<'EXPECTED'
exit status 0
Successfully created/updated stack - sizes
the size: small
EXPECTED
cd "$folder"
cat >template.yaml <<'TEMPLATE'
Parameters:
  Size:
    Type: String
    Default: small
Resources:
  Value:
    Type: AWS::SSM::Parameter
    Properties:
      Name: size
      Type: String
      Value: !Ref Size
TEMPLATE
export AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test AWS_DEFAULT_REGION=us-east-1 AWS_EC2_METADATA_DISABLED=true
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
export AWS_ENDPOINT_URL="http://127.0.0.1:$port"
moto/bin/moto_server -H 127.0.0.1 -p "$port" >server 2>&1 &
server=$!
until python3 -c "import socket; socket.create_connection(('127.0.0.1', $port))" 2>/dev/null; do sleep 0.2; done
status=0
cli/bin/aws cloudformation deploy --stack-name sizes --template-file template.yaml --parameter-overrides Sise=large \
  >said 2>&1 || status=$?
{
  echo "exit status $status"
  tail -n 1 said
  echo "the size: $(cli/bin/aws ssm get-parameter --name size --query Parameter.Value --output text)"
} >seen
cat seen
diff expected seen >&2 || { echo "$0: this has changed" >&2; exit 1; }
