"""`python -m app`, from the repository root and in the container."""

import sys

from app.main import main

sys.exit(main())
