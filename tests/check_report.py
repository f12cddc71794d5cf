"""Opens a report in headless Chromium, without a network, and looks at what it shows.

Not part of the tests, which need no browser: `make check-report`.
"""

import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

CATEGORIES = ("Maps", "Cuts", "Diagnostics", "Dataset", "Tutorial")
OPTIONS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND", "--virtual-time-budget=10000", "--dump-dom",
)  # fmt: skip


def main(report: Path) -> int:
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        print("check-report: there is no chromium on this machine.", file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory() as profile:
        command = [browser, *OPTIONS, f"--user-data-dir={profile}", report.resolve().as_uri()]
        run = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    # What the page's scripts have drawn, without the scripts themselves.
    drawn = re.sub(r"<script.*?</script>", "", run.stdout, flags=re.DOTALL)
    missing = [name for name in CATEGORIES if f">{name}<" not in drawn]
    if missing or "simulated through Lava" not in drawn:
        print(f"check-report: {report} does not show {missing or 'its text'}.", file=sys.stderr)
        return 1
    print(f"check-report: {report} shows {', '.join(CATEGORIES)}.")
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
