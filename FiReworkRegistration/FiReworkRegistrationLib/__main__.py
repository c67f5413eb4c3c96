"""``python -m FiReworkRegistrationLib``."""

import sys

from .cli import main

sys.exit(main())
