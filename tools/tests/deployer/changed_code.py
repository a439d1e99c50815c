"""Code in templates that changes far behind its beginning, and how that has to be shown."""

from tests.deployer.shop import Shop

# By layer, resource and property: the lines that differ.
DIFFERENCES = {
    ("pipeline", "VerifyProject", "/Properties/Source/BuildSpec"): [
        "-      - .venv/bin/python generate.py --check",
        "+      - .venv/bin/python generate.py --check --quiet",
    ],
    ("service-preference", "SmokeTestFunction", "/Properties/Code/ZipFile"): [
        '-"""Asks the new version through the test listener, before any user does, and answers CodeDeploy.',
        '+"""Asks the new version through the test listener, before any user does, and answers CodeDeploy!',
    ],
    ("container-repository", "Repository", "/Properties/LifecyclePolicy/LifecyclePolicyText"): [
        '-        "countNumber": 1',
        '+        "countNumber": 2',
    ],
}


def change_code(shop: Shop) -> None:
    """One line each of a build specification, a function and a lifecycle policy."""
    shop.replace("pipeline", "generate.py --check", "generate.py --check --quiet")
    shop.replace("service-preference", "and answers CodeDeploy.", "and answers CodeDeploy!")
    shop.replace("container-repository", '"countNumber": 1', '"countNumber": 2')
