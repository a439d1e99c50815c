"""Sets of small layers that import from each other in one of three shapes."""

from pathlib import Path

from benchmarks.deploy.project import ENV

SHAPES = ("chain", "fan", "independent")

_PARAMETERS = """\
account: "000000000000"
region: ap-northeast-1
project: many
protected: false
parameters: {}
"""


def write(root: Path, shape: str, count: int) -> None:
    """Write `build/` and `params/` of `count` layers, each with one log group.

    chain: each imports from the one before; fan: all from the first; independent: none from any.
    """
    (root / "build").mkdir()
    (root / "params").mkdir()
    (root / "params" / f"{ENV}.yaml").write_text(_PARAMETERS)
    for number in range(count):
        (root / "build" / f"layer-{number:03}.yaml").write_text(_template(_upstream(shape, number)))


def change(root: Path) -> None:
    """Change the last layer: its log group keeps what it has for longer."""
    file = max((root / "build").glob("*.yaml"))
    file.write_text(file.read_text().replace("RetentionInDays: 7\n", "RetentionInDays: 14\n"))


def _upstream(shape: str, number: int) -> int | None:
    if number == 0 or shape == "independent":
        return None
    return 0 if shape == "fan" else number - 1


def _template(upstream: int | None) -> str:
    parameters, value = "", "nothing"
    if upstream is not None:
        link = f"Layer{upstream:03}StackName"
        parameters = f"Parameters:\n  {link}: {{Type: String}}\n"
        value = f"!ImportValue {{Fn::Sub: '${{{link}}}-LogGroupName'}}"
    return f"""\
{parameters}Resources:
  LogGroup:
    Type: AWS::Logs::LogGroup
    Properties:
      RetentionInDays: 7
      Tags:
      - Key: Upstream
        Value: {value}
Outputs:
  LogGroupName:
    Value: !Ref LogGroup
    Export: {{Name: !Sub '${{AWS::StackName}}-LogGroupName'}}
"""
