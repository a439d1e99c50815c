"""`image`: build and push the image that the service is pushed with, unless the repository has it."""

from ecs_blue_green.deployer.errors import EXIT_DONE
from ecs_blue_green.deployer.execution import sessions
from ecs_blue_green.deployer.invocation import Invocation
from ecs_blue_green.deployer.planning import report
from ecs_blue_green.deployer.preflight import image


def run(invocation: Invocation) -> int:
    """Say which image is in the repository afterwards."""
    project = invocation.load()
    environment = project.environment
    image_name = image.required_image(environment, project.layers, project.runtime.image, invocation.root)
    with sessions.connected(invocation, project) as session:
        sessions.refuse_other(invocation, session)
        if session.aws.emulated:
            report.say(f"the emulator has a placeholder for the image {image_name}: nothing to push")
            invocation.document |= {"image": str(image_name), "digest": None, "pushed": False}
            return EXIT_DONE
        invocation.begun = True
        # The engine's program is ended with this one.
        digest, pushed = image.push(session, image_name, None, shown=True)
    invocation.document |= {"image": str(image_name), "digest": digest, "pushed": pushed}
    if invocation.talks:
        report.say(f"{image_name} is {digest}" + ("" if pushed else ", which already existed"))
    return EXIT_DONE
