"""30 mistakes in guards, rules and plan, each of which the tests must notice, in both layouts.

Usage: python3 tools/nets/mutations.py BASE NEW [--only WORD]

Each mistake is made in a copy of NEW, and the narrowest tests are run. BASE is looked at only where NEW lacks
what is to be changed, to say whether that is new. Exit code 0: every mistake is caught.
"""

import argparse
import functools
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from trees import Copy, Tree, find


@dataclass(frozen=True)
class Mutation:
    """A file of the old layout, a text that it has once, what is there instead, and the tests that fail."""

    name: str
    file: str
    old: str
    new: str
    tests: str
    only: str = ""


GUARD, POLICY, SAVED = (
    "tests/stacks/test_guard.py",
    "tests/stacks/test_policy.py",
    "tests/stacks/test_saved.py",
)
EFFECTS, ANSWERS = "tests/stacks/test_effects.py", "tests/stacks/test_answers.py"
RULES = "stacks/rules.py"
MUTATIONS = (
    Mutation("a removal is no surprise", RULES, '            "remove": "would be deleted",\n', "", GUARD),
    Mutation(
        "what may be replaced is no surprise",
        RULES,
        '            "may replace": "may be replaced",\n',
        "",
        GUARD,
    ),
    Mutation("a task definition may be removed", RULES, ' and change.action != "remove"\n', "\n", GUARD),
    Mutation(
        "ALLOW lets no replacement through", RULES, " or name(layer, change) in allowed:\n", ":\n", GUARD
    ),
    Mutation("any field of the service may change", RULES, " and changed <= SERVICE_FIELDS\n", "\n", GUARD),
    Mutation(
        "the service needs no ALLOW",
        RULES,
        "if acceptable and name(layer, change) in allowed:",
        "if acceptable:",
        GUARD,
    ),
    Mutation(
        "one importer does not count",
        RULES,
        "        if users:\n",
        "        if len(users) > 1:\n",
        "tests/stacks/test_guarded_deploy.py",
        "another_stack_imports",
    ),
    Mutation("ALLOW lifts every policy", RULES, "if not liftable or name(", "if name(", GUARD),
    Mutation(
        "a policy is not about what refers",
        RULES,
        "            denied.add(logical_id)\n",
        "            pass\n",
        GUARD,
    ),
    Mutation(
        "what only is read again is a change",
        RULES,
        "or change.stays\n            or change.action in",
        "or change.action in",
        GUARD,
    ),
    Mutation(
        "a listener changes while traffic shifts",
        "stacks/planning/guard.py",
        'in ("blue", "none")',
        'in ("blue", "none", "shifting")',
        GUARD,
    ),
    Mutation(
        "a listener that forwards nowhere is held up",
        "stacks/planning/guard.py",
        "            and rules.forwards(step.layer.resources, change.logical_id)\n",
        "",
        GUARD,
    ),
    Mutation(
        "the pipeline may be at work",
        "stacks/planning/guard.py",
        "    if live.execution:\n",
        "    if live.execution and live.deployment:\n",
        GUARD,
    ),
    Mutation(
        "a stack of another environment is ours",
        "stacks/planning/deployed.py",
        '("Project", "Environment", "Layer")',
        '("Project",)',
        GUARD,
    ),
    Mutation(
        "what could not be taken back goes on",
        "stacks/planning/deployed.py",
        "if stack.status == STUCK:",
        "if False:",
        "tests/stacks/test_stuck.py",
        "could_not_be_taken_back",
    ),
    Mutation(
        "an allowance before counts more than a denial",
        "stacks/policy.py",
        '            if statement["Effect"] == "Deny":\n                return True\n',
        '            if statement["Effect"] == "Deny":\n                return not allowed\n',
        POLICY,
    ),
    Mutation(
        "what nothing allows is allowed",
        "stacks/policy.py",
        "    return not allowed\n",
        "    return False\n",
        POLICY,
    ),
    Mutation("lifting one lifts all", "stacks/policy.py", "if resource not in names]", "if False]", POLICY),
    Mutation(
        "any policy that denies less is a lifted one",
        "stacks/policy.py",
        "return bool(missing) and json.loads(lifted(own, missing)) == json.loads(deployed)",
        "return bool(missing)",
        POLICY,
    ),
    Mutation(
        "a template that has changed is what was planned",
        "stacks/planning/plan.py",
        "[layer.body, ",
        "[",
        SAVED,
    ),
    Mutation(
        "a stack has not moved when it was updated",
        "stacks/planning/plan.py",
        ", str(stack.changed)]",
        "]",
        SAVED,
    ),
    Mutation(
        "an edited plan is as it was made",
        "stacks/planning/saved.py",
        'if document["checksum"] != ',
        "if False and ",
        SAVED,
    ),
    Mutation(
        "other changes are those that were approved",
        "stacks/planning/saved.py",
        ' or kept["changes"] != _summary(step):',
        ":",
        SAVED,
    ),
    Mutation(
        "the better answer counts",
        "stacks/planning/answers.py",
        "action=max(change.action, other.action, key=_ACTIONS.index)",
        "action=min(change.action, other.action, key=_ACTIONS.index)",
        ANSWERS,
    ),
    Mutation(
        "what is read again never replaces",
        "stacks/planning/answers.py",
        "if one.reread and not any(",
        "if one.reread or not any(",
        ANSWERS,
    ),
    Mutation(
        "what may be replaced is updated",
        "stacks/effects/verdict.py",
        '        else "may replace"\n',
        '        else "modify"\n',
        EFFECTS,
    ),
    Mutation(
        "a reference to what is replaced stays",
        "stacks/effects/effects.py",
        '("modify", "replace", "may replace")',
        '("modify", "may replace")',
        EFFECTS,
    ),
    Mutation(
        "two of a type are one renamed", "stacks/effects/renames.py", "NEARLY = 0.75", "NEARLY = 0.0", EFFECTS
    ),
    Mutation(
        "a lock that somebody holds is free",
        "stacks/execution/lock.py",
        "return self.released or now > self.until or",
        "return True or",
        "tests/stacks/test_lock.py",
    ),
    Mutation(
        "an older checkout deploys",
        "stacks/execution/history.py",
        "    if compared.returncode == 0:\n",
        "    if True:\n",
        "tests/stacks/test_history.py",
    ),
)
# Where a text reads otherwise in the new layout: the mutation's name, the file there, and the two texts.
REWORDED: dict[str, tuple[str, str, str]] = {}


def place(tree: Tree, mutation: Mutation) -> tuple[Path, str, str] | None:
    """The file of a tree that has the text once, with what is changed there."""
    if mutation.name in REWORDED:
        file, old, new = REWORDED[mutation.name]
        found = [tree.path / file]
    else:
        old, new = mutation.old, mutation.new
        found = find(tree.path, mutation.file)
        # It may have moved on, into a file of another name.
        for folder in ("tools/src", "stacks"):
            found += sorted((tree.path / folder).rglob("*.py"))
    for path in found:
        if path.is_file() and path.read_text(encoding="utf-8").count(old) == 1:
            return path.relative_to(tree.path), old, new
    return None


def tested(copy: Copy, mutation: Mutation) -> tuple[int, str]:
    """Run the tests of a mutation: pytest's exit code, and its last words."""
    files = [path.relative_to(copy.root) for path in find(copy.root, mutation.tests)]
    if not files:
        return -1, f"there is no {mutation.tests}"
    top = files[0].parts[0] == "tools"
    inside = copy.root / "tools" if top else copy.root
    names = [
        str((copy.root / file).relative_to(inside)) for file in files if (file.parts[0] == "tools") == top
    ]
    command = [copy.python("pytest"), "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *names]
    command += ["-k", mutation.only] if mutation.only else []
    answer = copy.run(["env", "-C", str(inside), *command])
    said = (answer["out"] + answer["err"]).strip().splitlines()
    return int(answer["code"]), said[-1] if said else ""


def problems(new: Tree, base: Tree, only: str) -> Iterator[str]:
    """What is not caught, or cannot be tried."""
    with tempfile.TemporaryDirectory() as folder:
        copy = new.copy(Path(folder).resolve() / "project")
        as_it_is = functools.cache(lambda tests, words: tested(copy, Mutation("", "", "", "", tests, words)))
        for mutation in MUTATIONS:
            if only not in f"{mutation.name} {mutation.file} {mutation.tests}":
                continue
            code, said = as_it_is(mutation.tests, mutation.only)
            if code:
                yield f"{mutation.name}: {mutation.tests} fails without it ({said})"
                continue
            where = place(new, mutation)
            if where is None:
                had = place(base, mutation)
                yield f"{mutation.name}: no file has its text once" + (f", {had[0]} had" if had else "")
                continue
            file, old, changed = where
            path = copy.root / file
            text = path.read_text(encoding="utf-8")
            path.write_text(text.replace(old, changed), encoding="utf-8")
            try:
                code, said = tested(copy, mutation)
            finally:
                path.write_text(text, encoding="utf-8")
            print(f"{'caught' if code == 1 else 'NOT CAUGHT'}  {mutation.name} ({file})", flush=True)
            if code != 1:
                yield f"{mutation.name}: {file}: {mutation.tests} says {said}"


def main() -> int:
    """Make every mistake and say which are caught."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("base")
    parser.add_argument("new")
    parser.add_argument("--only", default="", help="a word of the name or of a file")
    options = parser.parse_args()
    began = time.monotonic()
    found = list(problems(Tree(options.new), Tree(options.base), options.only))
    for line in found:
        print(line)
    print(f"{len(MUTATIONS)} mutations, {len(found)} not caught, {time.monotonic() - began:.0f} s")
    return 1 if found else 0


if __name__ == "__main__":
    os.umask(0o022)
    sys.exit(main())
