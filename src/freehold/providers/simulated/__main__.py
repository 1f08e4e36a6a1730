"""`python -m freehold.providers.simulated`."""

from __future__ import annotations

import sys

from freehold.providers.simulated.process import main

sys.exit(main())
