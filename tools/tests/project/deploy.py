"""Plan, deploy, look at and destroy the stacks of an environment.

Usage: deploy.py VERB --env ENV [--json] [...]      deploy.py VERB --help

Exit codes: 0 done or nothing to do, 1 a stack failed or AWS refused, 2 bad input, 3 blocked, 4 there are
changes (where asked for) or real drift, 130 interrupted or answered no.
"""

from pathlib import Path

from ecs_blue_green.deployer import command_line

if __name__ == "__main__":
    command_line.run(Path(__file__).resolve().parent)
