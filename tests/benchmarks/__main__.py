"""python -m tests.benchmarks [--rounds N] [--orders N] [--quick] [--only PART ...] [--json]"""

from __future__ import annotations

import sys

from tests.benchmarks.run import main

sys.exit(main())
