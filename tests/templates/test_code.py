"""Where the application is: what the trigger, the build step and the tool make of the row; refused ones."""

import pytest

from templates._application import CODE
from templates._code import Code
from templates.pipeline import build_projects

WHOLE = Code(
    ".", "services/web/Dockerfile", paths=("services/web/**", "libraries/**"), command=("node", "a.js")
)


@pytest.mark.parametrize(
    ("code", "paths", "build", "image"),
    [
        (Code("app"), ("app/**",), "app", {"folder": "app"}),
        (
            Code("services/web", command=("node", "server.js")),
            ("services/web/**",),
            "services/web",
            {"folder": "services/web", "command": ["node", "server.js"]},
        ),
        (
            Code("web", "images/web.Dockerfile"),
            ("web/**", "images/web.Dockerfile"),
            "--file images/web.Dockerfile web",
            {"folder": "web", "dockerfile": "images/web.Dockerfile"},
        ),
        (Code("web", "web/slim.Dockerfile"), ("web/**",), "--file web/slim.Dockerfile web", None),
        (WHOLE, ("services/web/**", "libraries/**"), "--file services/web/Dockerfile .", None),
    ],
)
def test_one_row_says_what_is_built_and_what_a_push_releases(
    code: Code, paths: tuple[str, ...], build: str, image: dict[str, object] | None
) -> None:
    assert (code.released_paths, code.build_arguments) == (paths, build)
    assert image in (None, code.image)


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ({"folder": "/srv/app"}, "'/srv/app' is no path from the repository's top"),
        ({"folder": "../app"}, "'../app' is no path"),
        ({"folder": "services/../app"}, "is no path"),
        ({"folder": "app/"}, "'app/' is no path"),
        ({"folder": "my app"}, "'my app' is no path"),
        ({"folder": "app", "dockerfile": "$(id)"}, "is no path"),
        ({"folder": "app", "paths": ["app/** lib/**"]}, "is no pattern of paths"),
        (
            {"folder": "app", "command": "node server.js"},
            r"command is a list of words, such as \('node', 'server.js'\)",
        ),
        ({"folder": "."}, "so dockerfile, paths and command are needed"),
        ({"folder": "app", "paths": [f"{name}/**" for name in "abcdefg"]}, "7 paths release it, 6 fit"),
    ],
)
def test_row_that_cannot_work_is_refused(row: dict[str, object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Code(**row)  # type: ignore[arg-type]


def test_image_is_built_from_what_the_row_says() -> None:
    specification = build_projects.build_specification("image-build")
    assert f'--tag "$image" {CODE.build_arguments}\n' in specification
