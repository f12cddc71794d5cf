"""Asks for each page elsewhere that ours link to, and says which do not answer.

Not part of the tests, which need no network: `make check-links`. They check the form of
these links, and that what is linked within the project is there.
"""

import re
import sys
import urllib.error
import urllib.request
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
PAGES = [REPOSITORY / "README.md", *sorted((REPOSITORY / "docs").glob("*.md"))]
# Some publishers answer browsers only: that they refuse is an answer, too.
REFUSED = (401, 403, 405, 429)


def links(page: Path) -> list[str]:
    """Targets of all links and pictures of a Markdown page, code left out."""
    text = re.sub(r"```.*?```|`[^`\n]*`", "", page.read_text(), flags=re.DOTALL)
    return re.findall(r"\]\(\s*([^)\s]+)\s*\)", text)


def anchors(page: Path) -> set[str]:
    """What links to a page may name behind a '#': its headings, as GitHub and MkDocs do."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), flags=re.MULTILINE)
    plain = (re.sub(r"[^\w\- ]", "", heading).strip().lower() for heading in headings)
    return {heading.replace(" ", "-") for heading in plain}


def external() -> list[str]:
    """Links of all pages that leave the project, each once."""
    found = (link for page in PAGES for link in links(page))
    return sorted({link for link in found if re.match(r"[a-z]+:", link)})


def problem(url: str) -> str | None:
    """Why a page cannot be had, or nothing."""
    request = urllib.request.Request(url, method="HEAD", headers={"User-Agent": "Mozilla/5.0"})
    try:
        urllib.request.urlopen(request, timeout=20).close()
    except urllib.error.HTTPError as error:
        return None if error.code in REFUSED else f"{error.code} {error.reason}"
    except OSError as error:
        return str(getattr(error, "reason", error))
    return None


def main() -> int:
    broken = {url: why for url in external() if (why := problem(url))}
    for url, why in broken.items():
        print(f"check-links: {url}: {why}.", file=sys.stderr)
    print(f"check-links: {len(external()) - len(broken)} of {len(external())} links answer.")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
