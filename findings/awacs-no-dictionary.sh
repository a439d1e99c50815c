#!/bin/sh
# awacs 2.6.1: its documents have to_json and no to_dict, although they are built for troposphere, whose objects have both.
# Guessed: `PolicyDocument(...).to_dict()` gives what `Template.to_dict()` would have in its place.
# Seen (November 2026): what is expected below; the dictionary takes a round trip through text.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/python" -m pip install --quiet --disable-pip-version-check awacs==2.6.1 troposphere==4.11.1
cat >"$folder/expected" <<'EXPECTED'
troposphere True True
awacs False True
['sqs:SendMessage']
EXPECTED
"$folder/env/bin/python" - >"$folder/seen" <<'PYTHON'
import json

import awacs.sqs
from awacs.aws import Allow, PolicyDocument, Statement
from troposphere.sqs import Queue

statement = Statement(Effect=Allow, Action=[awacs.sqs.SendMessage], Resource=["*"])
document = PolicyDocument(Statement=[statement])
print("troposphere", hasattr(Queue("Queue"), "to_dict"), hasattr(Queue("Queue"), "to_json"))
print("awacs", hasattr(document, "to_dict"), hasattr(document, "to_json"))
print(json.loads(document.to_json())["Statement"][0]["Action"])
PYTHON
cat "$folder/seen"
diff "$folder/expected" "$folder/seen" >&2 || { echo "$0: this has changed" >&2; exit 1; }
