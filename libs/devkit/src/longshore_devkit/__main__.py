"""`python -m longshore_devkit`."""

import sys

from longshore_devkit.cli import main

sys.exit(main())
