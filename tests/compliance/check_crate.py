"""Ask a validator whether a crate is one: python tests/compliance/check_crate.py CRATE.zip

The validator asks for one page elsewhere, the words of RO-Crate. They are in the package rocrate,
too, which answers in its place: so this needs no network.
"""

import json
import sys
from importlib.resources import files
from typing import Any

from rocrate.rocrate import ROCrate
from rocrate_validator import services
from rocrate_validator.utils.http import HttpRequester

WORDS = json.loads((files("rocrate") / "data/ro-crate.jsonld").read_text(encoding="utf-8"))


class Answer:
    """What the page would answer."""

    status_code, ok = 200, True
    text = json.dumps(WORDS)
    content = text.encode()

    def __init__(self) -> None:
        self.headers = {"Content-Type": "application/ld+json"}

    def json(self) -> Any:
        return WORDS

    def raise_for_status(self) -> None:
        pass


HttpRequester.get = HttpRequester.head = lambda self, *address, **options: Answer()
crate = sys.argv[1]
assert ROCrate(crate).license, "rocrate finds no licence"
issues = []
for profile in ("ro-crate-1.1", "process-run-crate-0.5"):
    found = services.validate(
        services.ValidationSettings(
            rocrate_uri=crate,
            profile_identifier=profile,
            requirement_severity=services.Severity.REQUIRED,
        )
    )
    issues += [f"{profile}: {issue.message}" for issue in found.get_issues()]
print(crate, "ok" if not issues else "\n  ".join(["", *issues]), sep=": ")
sys.exit(bool(issues))
