"""`params/<env>.yaml`: all that differs between environments, read, checked and complete.

Neither boto3 nor troposphere is imported here, because `generate.py` needs this module too. The templates'
`Parameters` blocks are the schema of `parameters:`; this module adds what they cannot say: rules across
parameters, which the layers declare, and the file's other keys. All problems of a file are reported in one
message.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from ecs_blue_green import parameter_file
from ecs_blue_green.deployer import parameter_rules, remedies
from ecs_blue_green.deployer import parameters as schema
from ecs_blue_green.deployer.errors import BadInput
from ecs_blue_green.deployer.nearest import nearest

# generate.py, which a copy may have from before, has Declarations from here.
from ecs_blue_green.deployer.parameter_rules import Declarations as Declarations
from ecs_blue_green.deployer.parameter_rules import Problem, shown
from ecs_blue_green.runtime import Runtime

LOCAL = "local"
PLACE = ("account", "region")
KEYS = (*PLACE, "project", "protected", "tags", "parameters")
# An existing bucket for templates that are too long for a call; most environments need none.
TEMPLATE_BUCKET = "template_bucket"
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
BUCKET_NAME = r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]"

# What `<project>-<env>` may have in characters. CloudFormation cuts the name that it makes for a role to
# 64: 12 or 13 are a random end, and the stack's name keeps half of the others (24 or 25) where the logical
# id needs its half. Policies know this environment's roles by `<project>-<env>-`, so that must be left. No
# page of AWS's has the rule; the names in https://github.com/KensioSoftware/yulin/issues/1113 and
# https://github.com/convox/rack/issues/2297 follow it, and docs/first-run.md asks.
NAME_CHARACTERS = 23

# How no name in Systems Manager's Parameter Store may begin.
# https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_PutParameter.html
RESERVED = ("aws", "ssm")
# What IAM takes in a tag: of what `\s` has only what separates words in a line.
TAG_CHARACTER = r"(?:[\w.:/=+@-]|[^\S\x00-\x1f\x85])"
TAG_CHARACTERS = "letters, digits, spaces or _ . : / = + - @"
# CloudFormation takes 50 tags; the stack's become those of its resources, so the narrowest rule counts:
# CodeBuild's lengths are one less than CloudFormation's, which takes no empty value (both as in botocore,
# November 2026).
# https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-properties-resource-tags.html
FILLED_IN_TAGS = ("Project", "Environment", "Layer")
MOST_TAGS = 50 - len(FILLED_IN_TAGS)
LONGEST_TAG_KEY, LONGEST_TAG = 127, 255


class Environment(NamedTuple):
    """One environment: an account, a region, and the value of every parameter that its file sets.

    A list is kept as CloudFormation takes it, joined by commas.
    """

    name: str
    account: str
    region: str
    project: str
    protected: bool
    tags: Mapping[str, str]
    parameters: Mapping[str, str]
    layers: tuple[str, ...]
    template_bucket: str = ""

    @property
    def is_local(self) -> bool:
        """Whether this is the embedded emulator."""
        return self.name == LOCAL

    def stack_name(self, layer: str) -> str:
        """`<project>-<env>-<layer>`."""
        return f"{self.project}-{self.name}-{layer}"

    def stack_tags(self, layer: str) -> dict[str, str]:
        """The tags of a layer's stack, the same for the deployer and the pipeline.

        Never a commit or a time: a changed stack tag modifies every resource of the stack.
        """
        return {**self.tags, "Project": self.project, "Environment": self.name, "Layer": layer}

    def parameters_for(self, declared: Declarations) -> dict[str, str]:
        """The parameters of a template that declares these, without those left to their default."""
        given = {**self.parameters, **self._filled_in()}
        return {name: given[name] for name in declared if name in given}

    def configuration(self, layer: str, declared: Declarations) -> str:
        """The text of `build/config/<env>/<layer>.json`: what the pipeline gives CloudFormation beside it.

        `declared` are the template's parameters. Every one is there, also where it has its default: what a
        stack keeps of a parameter that the pipeline leaves out is not documented.
        https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/continuous-delivery-codepipeline-cfn-artifacts.html
        """
        defaults = {title: str(block["Default"]) for title, block in declared.items() if "Default" in block}
        document = {
            "Parameters": {**defaults, **self.parameters_for(declared)},
            "Tags": self.stack_tags(layer),
        }
        return json.dumps(document, indent=2) + "\n"

    def _filled_in(self) -> dict[str, str]:
        return {
            "Project": self.project,
            "Environment": self.name,
            "Protected": str(self.protected).lower(),
            **{stack_name_parameter(layer): self.stack_name(layer) for layer in self.layers},
        }


def stack_name_parameter(layer: str) -> str:
    """The parameter by which a template is told the name of another layer's stack."""
    return layer.title().replace("-", "") + "StackName"


class TemplateMissing(BadInput):
    """A template of `build/` is not there: that is no mistake in a parameter file."""


def _refuse_missing_layers(layers: Mapping[str, Declarations], given: Any) -> None:
    """Raise TemplateMissing where a template is told of a stack that neither a layer nor the file names."""
    known = {*map(stack_name_parameter, layers), *(given if isinstance(given, dict) else ())}
    for slug, declared in layers.items():
        for title, block in declared.items():
            if title in known or "Default" in block:
                continue
            layer = re.fullmatch(r"((?:[A-Z][a-z0-9]*)+)StackName", title)
            if layer:
                missing = re.sub(r"(?<=.)([A-Z])", r"-\1", layer[1]).lower()
                raise TemplateMissing(
                    f"build/{missing}.yaml is missing",
                    f"build/{slug}.yaml needs its stack ({title})",
                    remedies.GENERATE(),
                )


def names(folder: Path) -> list[str]:
    """The environments that have a parameter file."""
    return sorted(path.stem for path in folder.glob("*.yaml"))


def unread(folder: Path) -> list[Path]:
    """Files that somebody may take for parameter files, and nothing reads: `.yaml` is what they end with."""
    return sorted(
        path
        for path in folder.glob("*")
        if path.suffix != ".yaml" and path.suffix.lower() in (".yaml", ".yml", ".json")
    )


def load(
    folder: Path, name: str, layers: Mapping[str, Declarations], runtime: Runtime | None = None
) -> Environment:
    """Read and check `<folder>/<name>.yaml`.

    `layers` has each layer's `Parameters` block by the layer's slug; the layers' rules across parameters are
    in `runtime`. Raises BadInput with every problem, and TemplateMissing where another layer's stack is
    needed that no layer has.
    """
    path = folder / f"{name}.yaml"
    known = names(folder)
    declared = declarations(layers)
    if name not in known:
        raise BadInput(
            f"there is no environment {name!r}",
            f"{folder.name}/ has {', '.join(known) or 'no file'}",
            _other_name(folder, name, known, declared.get("Environment", {})),
        )
    document = _read(path)
    given = document.get("parameters")
    _refuse_missing_layers(layers, given)
    values, problems = _parameter_values(given, declared, filled_in(layers, runtime))
    problems = [*_file_problems(name, document, declared), *problems]
    wrong = {problem.key for problem in problems}
    # A value that is wrong by itself is not judged a second time, nor is the default in its place.
    defaults = {
        title: [str(block["Default"])]
        for title, block in declared.items()
        if "Default" in block and not (isinstance(given, dict) and title in given)
    }
    if runtime:
        problems += parameter_rules.problems(defaults | values, declared, runtime.rules)
    problems += _place_problems(values, {key: document[key] for key in PLACE if key not in wrong})
    if problems:
        raise BadInput(
            f"{folder.name}/{path.name} has {len(problems)} problem{'s' * (len(problems) > 1)}",
            "".join(f"\n  {problem}" for problem in problems),
            f"correct {folder.name}/{path.name}; nothing was sent to AWS",
        )
    return Environment(
        name=name,
        account=document["account"],
        region=document["region"],
        project=document["project"],
        protected=document["protected"] == "true",
        tags=document.get("tags") or {},
        parameters={title: ",".join(value) for title, value in values.items()},
        layers=tuple(layers),
        template_bucket=document.get(TEMPLATE_BUCKET, ""),
    )


def declarations(layers: Mapping[str, Declarations]) -> dict[str, Mapping[str, Any]]:
    """Every parameter that a layer declares. One that several have is the same in all."""
    return {title: block for declared in layers.values() for title, block in declared.items()}


def filled_in(layers: Iterable[str], runtime: Runtime | None) -> set[str]:
    """The parameters of templates that no file sets, because the deployer does."""
    own = {"Project", "Environment", "Protected", *map(stack_name_parameter, layers)}
    return own | (runtime.fixed_at_creation if runtime else set())


def names_template_bucket(folder: Path, name: str) -> bool:
    """Whether `<folder>/<name>.yaml` names a bucket for long templates. Raises BadInput."""
    return bool(_read(folder / f"{name}.yaml").get(TEMPLATE_BUCKET))


def _other_name(folder: Path, name: str, known: list[str], rule: Mapping[str, Any]) -> str:
    for path in unread(folder):
        if path.stem == name:
            own = f"{folder.name}/{path.name}"
            return f"{own} is not read: mv {own} {folder.name}/{name}.yaml"
    near = nearest(name, known)
    if near:
        return f"did you mean ENV={near}?"
    if not re.fullmatch(str(rule.get("AllowedPattern", ".*")), name):
        return f"an environment's name {rule.get('ConstraintDescription', 'must be another')}"
    return f"write {folder.name}/{name}.yaml first"


def _read(path: Path) -> dict[str, Any]:
    name = f"{path.parent.name}/{path.name}"
    remedy = "write it like params/dev.yaml"
    if path.exists() and not path.is_file():
        # A pipe may have no end.
        raise BadInput(f"{name} cannot be read", "it is no regular file", remedy)
    try:
        document = parameter_file.load(path.read_text(encoding="utf-8"))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f", line {mark.line + 1}" if mark else ""
        raise BadInput(f"{name}{where} is not YAML", error.problem or str(error), remedy) from error
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        raise BadInput(f"{name} is not YAML", str(error).splitlines()[0], remedy) from error
    except OSError as error:
        raise BadInput(f"{name} cannot be read", error.strerror or str(error), remedy) from error
    if document is None or document == "":
        raise BadInput(f"{name} is empty", f"it must set {', '.join(KEYS)}", remedy)
    if not isinstance(document, dict):
        what = "a list" if isinstance(document, list) else "one value"
        raise BadInput(f"{name} is {what}", f"it must be a map with {', '.join(KEYS)}", remedy)
    return document


def key_forms(declared: Declarations) -> dict[str, schema.Form]:
    """What must be the value of each key of the file that has one value."""
    project = declared.get("Project", {})
    return {
        "account": schema.Form(
            'must be an account id: 12 digits, in quotes ("123456789012")', pattern="[0-9]{12}"
        ),
        "region": schema.Form(
            "must be a region such as ap-northeast-1", pattern="[a-z]{2}(?:-[a-z]+)+-[0-9]"
        ),
        "project": schema.Form(
            str(project.get("ConstraintDescription", "must be a short name")),
            pattern=str(project.get("AllowedPattern", "[a-z][a-z0-9-]{0,19}")),
        ),
        "protected": schema.Form("must be true or false", allowed=("true", "false")),
        TEMPLATE_BUCKET: schema.Form("must be the name of an existing bucket", pattern=BUCKET_NAME),
    }


def _file_problems(name: str, document: Mapping[str, Any], declared: Declarations) -> Iterator[Problem]:
    """What is wrong with the keys of the file other than `parameters`."""
    known = (*KEYS, TEMPLATE_BUCKET)
    for key in document:
        if key not in known:
            near = _nearest(key, known)
            yield Problem(key, "", f"is not a key of a parameter file{near}")
    keys = key_forms(declared)
    for key, form in keys.items():
        if key not in document:
            if key in KEYS:
                yield Problem(key, "", f"is missing; it {form.wanted}")
        elif not isinstance(document[key], str) or form.problem(document[key]):
            yield Problem(key, shown(document[key]), form.wanted)
    environment = declared.get("Environment", {})
    if not re.fullmatch(str(environment.get("AllowedPattern", ".*")), name):
        yield Problem("the file's name", name, str(environment.get("ConstraintDescription", "")))
    project = document.get("project")
    prefix = f"{project}-{name}"
    if len(prefix) > NAME_CHARACTERS and not keys["project"].problem(str(project)):
        yield Problem(
            "project",
            shown(project),
            f"and the file's name must have {NAME_CHARACTERS - 1} characters together at most, they have"
            f" {len(prefix) - 1}: CloudFormation shortens the names of roles, and the policies know them by"
            f" {shown(f'{prefix}-')}",
        )
    if str(project).startswith(RESERVED):
        yield Problem(
            "project",
            shown(project),
            "must not begin with aws or ssm: Systems Manager keeps such names, and the deployer's own"
            " parameters there begin with the project's",
        )
    if "parameters" not in document:
        yield Problem("parameters", "", "is missing; it must be a map of CloudFormation parameters")
    yield from _tag_problems(document.get("tags") or {})


def refuse_overlapping(folder: Path, environment: Environment) -> None:
    """Raise BadInput where another environment of the account has names that begin with this one's.

    Or the other way round: IAM's policies know an environment by `<project>-<env>-*`. Only what plans changes
    asks: one that is deployed must still be rolled back or destroyed. What is wrong with another file is not
    told.
    """
    own = environment.stack_name("")
    for name in names(folder) if not environment.is_local else ():
        if name in (environment.name, LOCAL):
            continue
        try:
            other = _read(folder / f"{name}.yaml")
        except BadInput:
            continue
        found = f"{other.get('project')}-{name}-"
        if other.get("account") == environment.account and (own.startswith(found) or found.startswith(own)):
            raise BadInput(
                f"{folder.name}/{environment.name}.yaml and {folder.name}/{name}.yaml are in one account",
                f"{shown(min(own, found, key=len))} begins the names of both: the permissions of one"
                " would cover the other",
                remedies.ANOTHER_NAME(folder=folder.name),
            )


def _tag_problems(tags: Any) -> Iterator[Problem]:
    # To IAM keys are the same in any case: https://docs.aws.amazon.com/IAM/latest/UserGuide/id_tags.html
    if not isinstance(tags, dict):
        yield Problem("tags", shown(tags), "must be a map such as {team: platform}")
        return
    if len(tags) > MOST_TAGS:
        wanted = f"must be {MOST_TAGS} at most: CloudFormation takes 50, and three are filled in"
        yield Problem("tags", "", wanted)
    filled_in = {key.lower(): key for key in FILLED_IN_TAGS}
    seen: dict[str, str] = {}
    for key, value in tags.items():
        where = f"tags.{key}"
        folded = key.lower()
        first = seen.setdefault(folded, key)
        if folded in filled_in:
            yield Problem(where, "", f"must not be set here: {filled_in[folded]} is filled in")
        elif folded.startswith("aws:"):
            yield Problem(where, "", "must not be set here: AWS keeps aws: for itself")
        elif first != key:
            yield Problem(where, "", f"must not be set beside {first}: to IAM they are one key")
        elif not isinstance(value, str) or not re.fullmatch(f"{TAG_CHARACTER}{{1,{LONGEST_TAG}}}", value):
            yield Problem(where, shown(value), f"must be text of 1 to {LONGEST_TAG} {TAG_CHARACTERS}")
        elif not re.fullmatch(f"{TAG_CHARACTER}{{1,{LONGEST_TAG_KEY}}}", key):
            yield Problem(where, "", f"must have a key of 1 to {LONGEST_TAG_KEY} {TAG_CHARACTERS}")


def _parameter_values(
    given: Any, declared: Declarations, filled_in: set[str]
) -> tuple[dict[str, list[str]], list[Problem]]:
    """The values of `parameters:` by name, and what is wrong with them one by one."""
    values: dict[str, list[str]] = {}
    problems: list[Problem] = []
    if not given:
        given = {}
    if not isinstance(given, dict):
        return {}, [Problem("parameters", shown(given), "must be a map of CloudFormation parameters")]
    settable = [title for title in declared if title not in filled_in]
    for title, value in given.items():
        where = f"parameters.{title}"
        if title in filled_in:
            problems.append(Problem(where, "", "must not be set here: the deployer fills it in"))
            continue
        if title not in declared:
            problems.append(Problem(where, "", f"is not a parameter of any layer{_nearest(title, settable)}"))
            continue
        members = value if isinstance(value, list) else [value]
        if not all(isinstance(member, str) for member in members):
            kind = "a list of texts" if schema.is_list(declared[title]) else "one text or number"
            problems.append(Problem(where, shown(value), f"must be {kind}"))
            continue
        if schema.is_list(declared[title]):
            members = [part.strip() for member in members for part in member.split(",")]
        elif isinstance(value, list):
            problems.append(Problem(where, shown(value), "must be one value, not a list"))
            continue
        # CloudFormation is given an empty text.
        wrong = schema.problem(declared[title], members or [""])
        if wrong:
            problems.append(Problem(where, shown(value), wrong))
        else:
            values[title] = members
    problems += [
        Problem(
            f"parameters.{title}",
            "",
            f"is missing; {declared[title].get('Description', 'it has no default')}",
        )
        for title in settable
        if "Default" not in declared[title] and title not in given
    ]
    return values, problems


# Services whose resources are of use in the account that they belong to, and nowhere else.
_OWN_ACCOUNT = ("acm", "codeconnections", "codestar-connections", "iam")


def _place_problems(values: Mapping[str, list[str]], place: Mapping[str, str]) -> Iterator[Problem]:
    """ARNs of another region or account than the file's; `place` has those of the two that are right."""
    for title, members in values.items():
        for value in members:
            parts = value.split(":")
            if parts[0] != "arn" or len(parts) < 6:
                continue
            service, region, account = parts[2:5]
            # IAM's ARNs have no region, and those of its managed policies no account.
            if region and region != place.get("region", region):
                wanted = f"must be in this environment's region, {place['region']}"
                yield Problem(f"parameters.{title}", shown(value), wanted)
            if service in _OWN_ACCOUNT and account not in ("aws", place.get("account", account)):
                wanted = f"must be in this environment's account, {place['account']}"
                yield Problem(f"parameters.{title}", shown(value), wanted)


def _nearest(word: str, choices: Any) -> str:
    near = nearest(word, choices)
    return f"; did you mean {near}?" if near else ""
