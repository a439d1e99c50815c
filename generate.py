"""Write `build/` from `templates/` and `params/`: the files that pull requests review and `deploy.py` ships.

Usage: generate.py [--check]

Exit codes: 0 written, or fresh; 1 stale, or a template that must not be shipped; 2 wrong usage or parameters,
130 interrupted.
"""

import gc

if __name__ == "__main__":
    # All that is imported and made is needed to the end.
    gc.disable()

from pathlib import Path

from ecs_blue_green import generate

if __name__ == "__main__":
    generate.run(Path(__file__).resolve().parent)
