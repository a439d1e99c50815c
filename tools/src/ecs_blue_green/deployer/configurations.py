"""`build/config/<env>/<layer>.json`: what the pipeline gives CloudFormation beside a released template.

Made of the parameter file, so either can be the older one: a release would then use other values than a
deploy.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path

from ecs_blue_green.deployer import remedies
from ecs_blue_green.deployer.environment import Environment
from ecs_blue_green.deployer.errors import BadInput
from ecs_blue_green.deployer.layers import Layer
from ecs_blue_green.deployer.project import read_build
from ecs_blue_green.runtime import Runtime


def texts(settings: Environment, found: Mapping[str, Layer], runtime: Runtime) -> Iterator[tuple[Path, str]]:
    """Each file of the environment, by its path in the project, as it should be."""
    for slug in runtime.released:
        path = Path("build", "config", settings.name, f"{slug}.json")
        yield path, settings.configuration(slug, found[slug].parameters)


def refuse_stale(root: Path, settings: Environment, found: Mapping[str, Layer], runtime: Runtime) -> None:
    """Raise BadInput where a release would use other values than those of the parameter file."""
    for path, text in texts(settings, found, runtime):
        what = f"{path} is not what params/{settings.name}.yaml gives"
        try:
            if (root / path).read_text(encoding="utf-8") == text:
                continue
        except FileNotFoundError:
            what = f"{path} is not there"
        except (OSError, UnicodeDecodeError) as error:
            what = f"{path} cannot be read ({error})"
        raise BadInput(
            what,
            "a release would use the values in it, a deploy those in the parameter file",
            remedies.GENERATE(),
        )


def write(root: Path, name: str) -> None:
    """Write the files of one environment anew. Raises BadInput for what cannot be read."""
    build = read_build(root)
    settings = build.read_environment(name)
    for path, text in texts(settings, build.layers, build.runtime):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text, encoding="utf-8")
