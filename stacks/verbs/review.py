"""`review`: what two revisions of `build/` and `params/` do to every environment. Offline, no credentials."""

import sys

from stacks.errors import BadInput
from stacks.invocation import Invocation
from stacks.review import review, revisions


def run(invocation: Invocation) -> int:
    """Print the review of --head (the working tree) against --base."""
    options, root = invocation.options, invocation.root
    base = revisions.read(root, options.base)
    head = revisions.read(root, options.head)
    if head.broken:
        raise BadInput("params/ cannot be used", "".join(f"\n{text}" for text in head.broken.values()))
    if not head.layers:
        raise BadInput(f"{head.label} has no template", "build/ is empty or not there", "run: make generate")
    found = review.review(
        base,
        head,
        revisions.changed_files(root, options.base, options.head),
        revisions.lacks(root, options.base, options.head),
    )
    # Each kind of output has a library of its own that the others need not wait for.
    if options.json:
        from stacks.review.report import document

        invocation.document |= document(found)
    elif options.markdown:
        from stacks.review.markdown import markdown

        sys.stdout.write(markdown(found))
    else:
        from stacks.review.report import show

        show(found)
    return found.exit_code
