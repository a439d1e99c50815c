#!/bin/sh
# cfn-lint 1.58.0: of the patterns in the resource schemas of CloudFormation that it carries, 123 do not compile in JSON
# Schema's own dialect (ECMA-262 with Unicode), ten in none of ECMA-262's, and 101, of 277 types, in Python's `re`.
# Guessed: AWS's schemas compile in the dialect that JSON Schema names, so any validator can read them.
# Seen (November 2026): what is expected below. `regress` is an engine of ECMA-262, with which check-jsonschema compiles
# patterns (with Unicode, as JSON Schema recommends); cfn-lint has `regex`.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
cat >expected <<'EXPECTED'
patterns 3014
ECMA-262, Unicode: refuses 123, of 115 types
ECMA-262: refuses 10, of 14 types
re: refuses 101, of 277 types
regex: refuses 2, of 2 types
EXPECTED
python3 -m venv env
env/bin/python -m pip install --quiet --disable-pip-version-check cfn-lint==1.58.0 regress==2026.9.1 regex==2026.11.15
cat >compile.py <<'PYTHON'
import json
import re
from pathlib import Path

import cfnlint
import regex
import regress

types = {}


def collect(node, name):
    if isinstance(node, dict):
        if isinstance(node.get("pattern"), str):
            types.setdefault(node["pattern"], set()).add(name)
        node = list(node.values())
    if isinstance(node, list):
        for value in node:
            collect(value, name)


for file in (Path(cfnlint.__file__).parent / "data/schemas/resources").glob("*.json"):
    schema = json.loads(file.read_text())
    collect(schema, schema["typeName"])
print("patterns", len(types))
ENGINES = {
    "ECMA-262, Unicode": lambda pattern: regress.Regex(pattern, "u"),
    "ECMA-262": regress.Regex,
    "re": re.compile,
    "regex": regex.compile,
}
for engine, compiled in ENGINES.items():
    refused = []
    for pattern in types:
        try:
            compiled(pattern)
        except (regress.RegressError, re.error, regex.error):
            refused.append(pattern)
    names = {name for pattern in refused for name in types[pattern]}
    print(f"{engine}: refuses {len(refused)}, of {len(names)} types")
PYTHON
env/bin/python compile.py >seen
cat seen
diff expected seen >&2 || { echo "$0: this has changed" >&2; exit 1; }
