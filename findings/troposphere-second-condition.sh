#!/bin/sh
# troposphere 4.11.1: a second condition of a name takes the place of the first; a second resource is refused.
# Guessed: names are looked after alike, whatever has them.
# Seen (November 2026): what is expected below.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/python" -m pip install --quiet --disable-pip-version-check troposphere==4.11.1
cat >"$folder/expected" <<'EXPECTED'
{'IsOn': {'Fn::Equals': [{'Ref': 'Lamp'}, 'on']}}
ValueError: duplicate key "Topic" detected
EXPECTED
"$folder/env/bin/python" - >"$folder/seen" <<'PYTHON'
from troposphere import Equals, Ref, Template
from troposphere.sns import Topic

template = Template()
template.add_condition("IsOn", Equals(Ref("Switch"), "on"))
template.add_condition("IsOn", Equals(Ref("Lamp"), "on"))
print(template.to_dict()["Conditions"])
template.add_resource(Topic("Topic"))
try:
    template.add_resource(Topic("Topic"))
except ValueError as error:
    print("ValueError:", error)
PYTHON
cat "$folder/seen"
diff "$folder/expected" "$folder/seen" >&2 || { echo "$0: this has changed" >&2; exit 1; }
