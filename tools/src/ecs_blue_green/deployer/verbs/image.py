"""`image`: build and push the image that the service is made with, unless the repository has it."""

from ecs_blue_green.deployer import aws
from ecs_blue_green.deployer.errors import EXIT_DONE
from ecs_blue_green.deployer.execution import session
from ecs_blue_green.deployer.invocation import Invocation
from ecs_blue_green.deployer.planning import report
from ecs_blue_green.deployer.preflight import image


def run(invocation: Invocation) -> int:
    """Say which image is in the repository afterwards."""
    project = invocation.load()
    settings, layers, runtime = project.environment, project.layers, project.runtime
    image_name = image.wanted(settings, layers, runtime.image, invocation.root)
    report.say_where(settings, invocation.talks)
    with aws.connect(settings, invocation.root) as door:
        session.refuse_other(invocation, door, settings, layers, runtime)
        if door.emulated:
            report.say(f"the emulator has a placeholder for the image {image_name}: nothing to push")
            invocation.document |= {"image": str(image_name), "digest": None, "pushed": False}
            return EXIT_DONE
        invocation.begun = True
        # The engine's program is ended with this one.
        digest, pushed = image.push(door, settings, image_name, None, report.say, shown=True)
    invocation.document |= {"image": str(image_name), "digest": digest, "pushed": pushed}
    if invocation.talks:
        report.say(f"{image_name} is {digest}" + ("" if pushed else ", which was there already"))
    return EXIT_DONE
