#!/bin/sh
# cfn-flip 1.3.0: `!GetAtt [Nested, !Ref Name]` is read as the attribute called Name, without a word: the Ref is gone. The
# long form keeps it, and cannot be written back: a TypeError, which troposphere's to_yaml() passes on.
# Guessed: what CloudFormation documents (the attribute's name may be a Ref) survives the way there and back.
# https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference-getatt.html
# Seen (November 2026): what is expected below. cfn-lint's, the AWS CLI's and SAM's readers keep the Ref.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv env
env/bin/python -m pip install --quiet --disable-pip-version-check \
  cfn-flip==1.3.0 troposphere==4.11.1 cfn-lint==1.58.0 awscli==1.46.3 aws-sam-translator==1.115.0
cat >expected <<'EXPECTED'
cfn-flip, short form: ["Nested", "Name"]
cfn-flip, long form: ["Nested", {"Ref": "Name"}]
cfn-lint: ["Nested", {"Ref": "Name"}]
AWS CLI: ["Nested", {"Ref": "Name"}]
SAM: ["Nested", {"Ref": "Name"}]
cfn-flip writes: TypeError
troposphere writes: TypeError
EXPECTED
cat >read.py <<'PYTHON'
import json

import cfn_flip
from awscli.customizations.cloudformation.yamlhelper import yaml_parse as aws_cli
from cfnlint.decode.cfn_yaml import loads as cfn_lint
from samtranslator.yaml_helper import yaml_parse as sam
from troposphere import GetAtt, Output, Parameter, Ref, Template
from troposphere.cloudformation import Stack

SHORT = "Outputs:\n  Address:\n    Value: !GetAtt [Nested, !Ref Name]\n"
LONG = "Outputs:\n  Address:\n    Value: {'Fn::GetAtt': [Nested, {Ref: Name}]}\n"


def show(who, document):
    print(f"{who}:", json.dumps(document["Outputs"]["Address"]["Value"]["Fn::GetAtt"]))


def write(who, writer):
    try:
        print(f"{who} writes:", writer())
    except TypeError as error:
        print(f"{who} writes:", type(error).__name__)


show("cfn-flip, short form", json.loads(cfn_flip.to_json(SHORT)))
show("cfn-flip, long form", json.loads(cfn_flip.to_json(LONG)))
show("cfn-lint", cfn_lint(SHORT))
show("AWS CLI", aws_cli(SHORT))
show("SAM", sam(SHORT))
write("cfn-flip", lambda: cfn_flip.to_yaml(cfn_flip.to_json(LONG)))
template = Template()
template.add_parameter(Parameter("Name", Type="String", Default="Outputs.Address"))
nested = template.add_resource(Stack("Nested", TemplateURL="https://bucket.s3.amazonaws.com/nested.json"))
template.add_output(Output("Address", Value=GetAtt(nested, Ref("Name"))))
write("troposphere", template.to_yaml)
PYTHON
env/bin/python read.py 2>/dev/null >seen
cat seen
diff expected seen >&2 || { echo "$0: this has changed" >&2; exit 1; }
