"""Opens a report in headless Chromium, without a network, and reads it as people do.

Not part of the tests, which need no browser: `make check-report`.
"""

import html
import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import browser

CATEGORIES = ("Maps", "Cuts", "Diagnostics", "Dataset", "Tutorial")
VISIT = Path(__file__).with_name("visit_report.js")
# What the dataset's summary says: variables, the config, the versions, from where it comes.
SUMMARY = ("decay_time_flag", "max_lag", "step_size", "lava-nc", "numpy", "commit")
OPTIONS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND", "--virtual-time-budget=60000", "--dump-dom",
)  # fmt: skip


def visited(report: Path, program: str) -> tuple[str, list[dict]]:
    """The first page that the report draws, and what it and each of its results show."""
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder, "report.html")
        page.write_text(f"{report.read_text()}<script>{VISIT.read_text()}</script>")
        command = [program, *OPTIONS, f"--user-data-dir={folder}/profile", page.as_uri()]
        run = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    found = re.search(r'<pre id="visits">(.*?)</pre>', run.stdout, flags=re.DOTALL)
    return run.stdout, json.loads(html.unescape(found.group(1))) if found else []


def problems(report: Path, program: str) -> list[str]:
    """What a reader would miss, a sentence each."""
    page, visits = visited(report, program)
    opening = visits.pop(0) if visits else None
    if not visits:
        return ["it cannot be walked through"]
    found = []
    if "simulated through Lava" not in page:
        found.append("it does not say what it is")
    if opening and opening["width"] < 400:
        found.append("it does not open on a figure")
    titles = [visit["title"] for visit in visits]
    found += [f"{title} is the title of two" for title in set(titles) if titles.count(title) > 1]
    captions = [visit["caption"] for visit in visits]
    found += [f"two have this caption: {c}" for c in set(captions) if captions.count(c) > 1]
    found += [
        f"category {name} is not there"
        for name in CATEGORIES
        if name not in {visit["category"] for visit in visits}
    ]
    for visit in visits:
        if len(visit["caption"]) < 40:
            found.append(f"{visit['path']} has no caption")
        if visit["width"] is not None and visit["width"] < 400:
            found.append(f"{visit['path']} is not shown, or {visit['width']} pixels wide")
    summary = " ".join(visit["page"] for visit in visits if visit["page"])
    found += [
        f"the dataset's summary does not name {name}" for name in SUMMARY if name not in summary
    ]
    return found


def main(report: Path) -> int:
    well = f"shows {', '.join(CATEGORIES)}, each figure, each caption"
    return browser.checked("check-report", report, lambda found: problems(report, found), well)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
