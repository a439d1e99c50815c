"""`python -m ecs_blue_green init`, which `make init` calls: it asks, makes the commit, says what is next."""

import argparse
import re
import shutil
import signal
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib.resources import files as package_files
from pathlib import Path
from types import FrameType

from ecs_blue_green import parameter_file, runtime
from ecs_blue_green.deployer import layers
from ecs_blue_green.deployer.environment import LOCAL
from ecs_blue_green.deployer.errors import EXIT_DONE, EXIT_INTERRUPTED, BadInput, Failure
from ecs_blue_green.deployer.layers import Layer
from ecs_blue_green.dockerfile import exposed_port
from ecs_blue_green.init import answers as typed
from ecs_blue_green.init import parameter_files, repository
from ecs_blue_green.init.answers import Answers, Question
from ecs_blue_green.runtime import Runtime

README = "README.md"
# About the repository that is copied, and about its sample of an application.
NOT_THE_TEAMS = ("tests/shapes", "tests/app")
ENDINGS = (signal.SIGTERM, signal.SIGHUP)


@dataclass(frozen=True)
class Clone:
    """The files that are initialized, and what they say of themselves."""

    root: Path
    known: Runtime
    layers: Mapping[str, Layer]

    def files(self, answers: Answers) -> dict[str, str]:
        """The parameter files of these answers. Raises BadInput where the deployer would refuse them."""
        port = parameter_files.port(self.layers)
        title = port[0] if port and answers.port != port[1] else None
        files = parameter_files.made(self.root / "params", self.known, answers, title)
        parameter_files.refuse_wrong(files, self.layers, self.known)
        return files

    def shipped(self) -> Answers:
        """What the files answer that came with the repository."""
        documents = {
            path.stem: parameter_file.read(path) for path in sorted((self.root / "params").glob("*.yaml"))
        }
        parameters = documents[LOCAL]["parameters"]
        named = self.known.repository
        port = parameter_files.port(self.layers)
        return Answers(
            project=documents[LOCAL]["project"],
            environments=" ".join(
                f"{name}={settings['account']}" for name, settings in documents.items() if name != LOCAL
            ),
            region=documents[LOCAL]["region"],
            repository=f"{parameters[named.owner]}/{parameters[named.name]}" if named else None,
            port=port[1] if port else None,
        )

    def refuse_shipped(self, project: str | None) -> None:
        """Raise BadInput where the project is called as every copy is that is nobody's yet."""
        if self.known.repository and project == self.known.repository.shipped_project:
            raise BadInput(f"the project is {project!r}", "that is the name of the repository that is copied")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options, one for each answer."""
    parser.add_argument("--project", help="first part of every name")
    parser.add_argument("--environments", help='with their accounts: "dev=111111111111 prod=222222222222"')
    parser.add_argument("--region", help="where the environments are")
    parser.add_argument("--repository", help="the team's on GitHub, OWNER/NAME")
    parser.add_argument("--port", help="where the application listens (default: as the templates have it)")


def run(options: argparse.Namespace, root: Path) -> int:
    """Make the clone at `root` a team's copy.

    The exit code: 0 done, now or before, 1 it failed, 2 refused, 130 interrupted. But for 0, nothing changed.
    """
    for number in ENDINGS:
        signal.signal(number, _interrupt)
    answers = Answers(options.project, options.environments, options.region, options.repository, options.port)
    try:
        return _run(answers, root)
    except runtime.Unusable as unusable:
        return _refuse(BadInput(str(unusable), "", "git checkout build"))
    except Failure as failure:
        return _refuse(failure)
    except (KeyboardInterrupt, EOFError):
        sys.stderr.write("\nerror: interrupted: nothing was changed\nnext:  make init\n")
        return EXIT_INTERRUPTED


def _run(incomplete: Answers, root: Path) -> int:
    known = runtime.read_runtime(root / "build")
    project = parameter_file.read(root / "params" / f"{LOCAL}.yaml")["project"]
    if known.repository is None or project != known.repository.shipped_project:
        _say(f"nothing to do: this is the copy of {project} already")
        return EXIT_DONE
    repository.refuse_unusable(root)
    clone = Clone(root, known, layers.read(root / "build", known))
    answers = _complete(incomplete, clone)
    try:
        clone.refuse_shipped(answers.project)
        files = clone.files(answers)
    except BadInput as refused:
        raise BadInput(refused.what, refused.why, f"correct it: {answers.command}") from refused
    open_parameters = parameter_files.to_fill_in(files, known)
    with repository.beside(root) as folder:
        _edit(folder, answers, files, known, _listed(open_parameters, answers))
        # What make would install, because it is older than the files in this folder, is there.
        old_files = [f"--old-file=.venv/{name}" for name in ("ready", "develop")]
        repository.run(folder, "make", "--silent", *old_files, "generate", "docs")
        commit = repository.commit(
            root, folder, f"This copy is that of {answers.project}\n\n{answers.command}"
        )
        # From here on to its end.
        for number in (signal.SIGINT, *ENDINGS):
            signal.signal(number, signal.SIG_IGN)
        repository.move_to(root, commit)
        upstream = repository.prepare_updates(root, answers.owner_and_name)
    _print_summary(answers, commit, upstream, root, _listed(open_parameters, answers))
    return EXIT_DONE


def _complete(answers: Answers, clone: Clone) -> Answers:
    """The answers with those that a person is asked for. Raises BadInput where nobody is there."""
    if not typed.required(answers):
        return answers
    if not sys.stdin.isatty():
        lacking = ", ".join(typed.required(answers))
        raise BadInput(f"there is no terminal to ask for {lacking}", "", answers.command)
    for question in typed.missing(answers, clone.shipped()):
        answers = _asked(answers, question, clone)
    return answers


def _asked(answers: Answers, question: Question, clone: Clone) -> Answers:
    def wrong(answer: str) -> str:
        """What the deployer has against it, beside answers that it takes."""
        with_it = replace(answers, **{question.name: answer})
        own = {name: value for name, value in vars(with_it).items() if value is not None}
        try:
            clone.refuse_shipped(with_it.project)
            clone.files(replace(clone.shipped(), **own))
        except BadInput as refused:
            return refused.why.strip() or refused.what
        return ""

    return replace(answers, **{question.name: typed.ask(question, wrong)})


def _edit(folder: Path, answers: Answers, files: Mapping[str, str], known: Runtime, to_fill_in: str) -> None:
    """Make the files in `folder` the team's."""
    for path in (folder / "params").glob("*.yaml"):
        path.unlink()
    for name, text in files.items():
        (folder / "params" / name).write_text(text, encoding="utf-8")
    for name in NOT_THE_TEAMS:
        shutil.rmtree(folder / name, ignore_errors=True)
    if answers.port:
        _listen(folder / known.image.dockerfile_path, folder / known.image.folder, answers.port)
    names = list(answers.accounts)
    text = (package_files("ecs_blue_green.init") / "readme.md").read_text(encoding="utf-8")
    (folder / README).write_text(
        text.format(
            project=answers.project,
            environment=names[0],
            environments=", ".join(f"[{name}](params/{name}.yaml)" for name in names),
            to_fill_in=to_fill_in,
        ),
        encoding="utf-8",
    )


def _listen(dockerfile: Path, application: Path, port: str) -> None:
    """Have the sample listen on that port, in its Dockerfile and wherever else it says so."""
    if not dockerfile.is_file():
        return
    exposed = exposed_port(dockerfile)
    if exposed is None or exposed == port:
        return
    for path in (dockerfile, *application.rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        path.write_text(re.sub(rf"\b{exposed}\b", port, text), encoding="utf-8")


def _listed(titles: Mapping[str, list[str]], answers: Answers) -> str:
    """Parameters, each with the environments that have it unless all do."""
    return ", ".join(
        f"`{title}`" + ("" if len(names) == len(answers.accounts) else f" ({', '.join(names)})")
        for title, names in titles.items()
    )


def _print_summary(answers: Answers, commit: str, upstream: str | None, root: Path, to_fill_in: str) -> None:
    _say(f"{answers.project}: committed as {commit[:7]}; git show --stat has all of it")
    if upstream:
        _say(f"updates come from the remote upstream, {upstream}: docs/updating.md")
    else:
        _say("no remote for updates was found: docs/updating.md says how to add it")
    _say(f"still to fill in, in params/: {to_fill_in.replace('`', '')}")
    _say("next:  make check test")
    if repository.address(root, repository.ORIGIN) is None:
        home = repository.team_address(upstream, answers.owner_and_name)
        _say(f"       git remote add origin {home}; git push --set-upstream origin HEAD")


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _refuse(failure: Failure) -> int:
    sys.stderr.writelines(f"{line}\n" for line in (*failure.lines, "nothing was changed"))
    return failure.exit_code


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
