"""What `deploy.py` is made of.

The modules here are the ground: what is read (`environment`, `layers`), how AWS is asked (`aws`), what a rule
and a change are (`rules`, `changes`). Each folder is one part, and imports only parts above it in this list:

    cloudformation  its calls, operations on stacks, and what is in the way of one
    effects         what a change does to every resource, told without asking AWS
    release         what runs now: live colour, deployments, alarms, going back
    drift           where reality differs, and whose doing that is
    review          two revisions for a pull request, from `effects` alone
    planning        the plan and what blocks it
    preflight       what the account must have before the first stack
    execution       carrying a plan out, under the lock
    status          an environment as it is now
    verbs           `deploy.py VERB`, a module each

Nothing here imports troposphere: what is deployed is the reviewed YAML in `build/`, never a fresh render.
"""
