"""`python -m local` has a new name; this file goes with the next version."""

import sys

sys.exit("python -m local is now: python -m ecs_blue_green serve (or rehearse)")
