"""Print what `snakemake --lint` finds, but for one point, and fail if it finds anything else.

It asks for a conda environment or a container in each rule. Ours run in the environment that
eiphase is installed in: a second one beside it could hold another version.
"""

import re
import subprocess
import sys

EXPECTED = "Specify a conda environment or container for each rule.:"

said = subprocess.run(["snakemake", "--lint"], capture_output=True, text=True, check=False).stderr
found = re.findall(r"^    \* (.*)$", said, re.M)
if set(found) != {EXPECTED}:  # nothing at all: it has not come so far
    sys.exit(said)
