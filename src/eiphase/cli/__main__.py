"""`python -m eiphase.cli`: the command line."""

import sys

from eiphase.cli.commands import main

sys.exit(main())
