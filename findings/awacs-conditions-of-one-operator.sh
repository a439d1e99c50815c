#!/bin/sh
# awacs 2.6.1: of two conditions of one operator a statement keeps the last.
# Guessed: their keys are put together, as IAM reads them, or the second is refused.
# Seen (November 2026): what is expected below. aws:SourceAccount is not in it.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/python" -m pip install --quiet --disable-pip-version-check awacs==2.6.1
cat >"$folder/expected" <<'EXPECTED'
{'StringEquals': {'aws:PrincipalOrgID': 'o-1'}}
EXPECTED
"$folder/env/bin/python" - >"$folder/seen" <<'PYTHON'
import awacs.sqs
from awacs.aws import Allow, Condition, Statement, StringEquals

statement = Statement(
    Effect=Allow,
    Action=[awacs.sqs.SendMessage],
    Resource=["*"],
    Condition=Condition(
        [StringEquals("aws:SourceAccount", "123456789012"), StringEquals("aws:PrincipalOrgID", "o-1")]
    ),
)
print(statement.Condition.JSONrepr())
PYTHON
cat "$folder/seen"
diff "$folder/expected" "$folder/seen" >&2 || { echo "$0: this has changed" >&2; exit 1; }
