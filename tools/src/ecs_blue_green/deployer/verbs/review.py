"""`review`: what two revisions of `build/` and `params/` do to every environment. Offline, no credentials."""

import sys

from ecs_blue_green.deployer import remedies
from ecs_blue_green.deployer.errors import BadInput
from ecs_blue_green.deployer.invocation import Invocation
from ecs_blue_green.deployer.review import environments, revisions


def run(invocation: Invocation) -> int:
    """Print the review of --head (the working tree) against --base."""
    options, root = invocation.options, invocation.root
    base = revisions.read_revision(root, options.base)
    head = revisions.read_revision(root, options.head)
    if head.broken:
        raise BadInput("params/ cannot be used", "".join(f"\n{text}" for text in head.broken.values()))
    if not head.layers:
        raise BadInput(f"{head.label} has no template", "build/ is empty or not there", remedies.GENERATE())
    found = environments.review(
        base,
        head,
        revisions.changed_files(root, options.base, options.head),
        revisions.lacks(root, options.base, options.head),
    )
    # Each kind of output has a library of its own that the others need not wait for.
    if options.json:
        from ecs_blue_green.deployer.review.report import document

        invocation.document |= document(found)
    elif options.markdown:
        from ecs_blue_green.deployer.review.markdown import markdown

        sys.stdout.write(markdown(found))
    else:
        from ecs_blue_green.deployer.review.report import show

        show(found)
    return found.exit_code
