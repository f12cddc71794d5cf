"""The results of a sweep as an RO-Crate: all that others need to read, cite and repeat them.

An RO-Crate is a folder whose `ro-crate-metadata.json` says what each file is, who made it and how,
in words that search engines and archives such as Zenodo read. This follows RO-Crate 1.1 and the
profile Process Run Crate 0.5 (https://w3id.org/ro/wfrun/process/0.5).
"""

import json
import re
import zipfile
from datetime import date
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import quote

import xarray as xr
import yaml

from eiphase.errors import DatasetError
from eiphase.sweep.attributes import sweep_of
from eiphase.sweep.schema import is_licence
from eiphase.system.files import beside

_PROFILE = "https://w3id.org/ro/wfrun/process/0.5"
_FORMATS = {
    ".csv": "text/csv",
    ".html": "text/html",
    ".lock": "text/plain",
    ".md": "text/markdown",
    ".nc": "application/x-netcdf",
    ".pdf": "application/pdf",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".yaml": "application/yaml",
}
_README = """\
# {title}

{summary}

`results/{sweep}/phase_map.nc` holds the numbers; `xarray.open_dataset` opens it. Figures and pages
beside it are drawn from it.
`ro-crate-metadata.json` says what each file is.

## Make it again

The numbers were simulated on {machine}, with {versions}.
{commit}
In a clone of eiphase at that state, with this folder's path for CRATE:

```sh
make .venv/ready
source .venv/bin/activate
eiphase run CRATE/config/{sweep}.yaml
python -c "from xarray import open_dataset as o, testing; testing.assert_equal(
    o('results/{sweep}/phase_map.nc'), o('CRATE/results/{sweep}/phase_map.nc'))"
```

Where this version of eiphase is installed already, the last two commands do.
The last one is silent if all numbers are the same to the bit.
"""


_KEPT = ("*.nc", "*.html", "*.ipynb", "figures/*", "mappings/*/phase_map.nc")
"""What a sweep's folder has to publish: datasets, pages, notebook and figures."""


def write(phase_map: xr.Dataset, results: Path, output: Path, lock: str, licence: str = "") -> int:
    """Write a zip file of a sweep's results; returns the number of files in it.

    `results` is the folder that the phase map lies in, `lock` the text of `requirements.lock`,
    which goes in if the numbers were computed with its packages, and `licence` an SPDX name such
    as CC-BY-4.0 or an address, in place of the dataset's. Raises `DatasetError` if there is no
    licence, the dataset does not say which sweep it is of, or the output is in that folder.
    """
    if results.resolve() in output.resolve().parents:
        raise DatasetError(
            f"{output} is in {results}, the folder that is published: name a file elsewhere."
        )
    attributes = phase_map.attrs | ({"license": licence} if licence else {})
    _check_licence(attributes.get("license"))
    name = _name(attributes)
    config = sweep_of(phase_map).model_dump(mode="json", exclude_none=True)
    written = {
        "README.md": _readme(attributes, name).encode(),
        f"config/{name}.yaml": yaml.safe_dump(config, sort_keys=False).encode(),
    }
    if _is_of(lock, _versions(attributes)):
        written["requirements.lock"] = lock.encode()
    kept = sorted(path for pattern in _KEPT for path in results.glob(pattern))
    written |= {
        f"results/{name}/{path.relative_to(results)}": path.read_bytes()
        for path in kept
        if path.is_file() and not path.is_symlink()
    }
    described = json.dumps(_described(written, attributes), indent=2, ensure_ascii=False)
    written["ro-crate-metadata.json"] = described.encode()
    with beside(output) as partial, zipfile.ZipFile(partial, "w", zipfile.ZIP_DEFLATED) as file:
        for path, content in written.items():
            file.writestr(path, content)
    return len(written)


def _check_licence(licence: object) -> None:
    if not licence:
        raise DatasetError(
            "The phase map has no licence, without which nobody may use it: add --license "
            "CC-BY-4.0, or `about: {license: CC-BY-4.0}` to the sweep's config."
        )
    if not is_licence(str(licence)):
        raise DatasetError(
            f"The licence is {str(licence)!r:.60}, but must be a name of SPDX's, such as "
            "CC-BY-4.0, or an address."
        )


def _name(attributes: dict[str, Any]) -> str:
    """The sweep's name, which names files."""
    name = attributes.get("sweep", "")
    if not re.fullmatch(r"\w[\w.+ -]*", name, re.ASCII):
        raise DatasetError(f"The phase map's attribute sweep is {name!r:.60}, which is no name.")
    return name


def _readme(attributes: dict[str, Any], name: str) -> str:
    versions = _versions(attributes)
    return _README.format(
        title=_title(attributes),
        summary=attributes.get("summary", ""),
        sweep=name,
        versions=", ".join(f"{package} {version}" for package, version in versions.items()),
        commit=_commit(attributes.get("commit", "unknown")),
        machine=attributes.get("machine", "a machine that is not known"),
    )


def _title(attributes: dict[str, Any]) -> str:
    return attributes.get("title") or "Phase map of excitatory-inhibitory networks"


def _is_of(lock: str, versions: dict[str, str]) -> bool:
    """Whether a lock has all packages that the numbers were computed with, in these versions."""
    locked = set(re.findall(r"^([\w.-]+)==([\w.+!-]+)", lock.lower(), re.M))
    used = {(name.lower(), version.lower()) for name, version in versions.items()}
    return {one for one in used if one[0] not in ("python", "eiphase")} <= locked


def _commit(commit: str) -> str:
    """Which code simulated, as far as a commit says it."""
    known, plus, _ = commit.partition("+changes")
    if not re.fullmatch(r"[0-9a-f]{40}", known):
        return "The commit of the code is not known."
    changed = ", with changes that are in no commit: the numbers may not come out the same"
    return f"The commit of the code is {known}{changed if plus else ''}."


def _versions(attributes: dict[str, Any]) -> dict[str, str]:
    try:
        found = json.loads(attributes.get("versions", "{}"))
        return {str(name): str(version) for name, version in found.items()}
    except (ValueError, AttributeError):  # somebody has changed it
        return {}


def _described(files: dict[str, bytes], attributes: dict[str, Any]) -> dict[str, Any]:
    """The metadata: a graph of files, people, programs, and what was done."""
    licence = _licence(str(attributes["license"]))
    author = _author(attributes)
    programs = _programs(attributes)
    config = next(path for path in files if path.startswith("config/"))
    root = {
        "@id": "./",
        "@type": "Dataset",
        "name": _title(attributes),
        "description": attributes.get("summary") or _title(attributes),
        "datePublished": date.today().isoformat(),
        "license": _reference(licence),
        "keywords": attributes.get("keywords", ""),
        "conformsTo": {"@id": _PROFILE},
        "hasPart": [{"@id": quote(path)} for path in files],
        "mentions": {"@id": "#sweep"},
    }
    done = {
        "@id": "#sweep",
        "@type": "CreateAction",
        "name": "Simulation of the sweep, and what was drawn of it",
        "description": _commit(attributes.get("commit", "unknown")),
        "instrument": _reference(programs[0]),
        "object": {"@id": quote(config)},
        "result": [{"@id": quote(path)} for path in files if path.startswith("results/")],
    }
    if author:
        root["author"] = done["agent"] = _reference(author)
    about = {
        "@id": "ro-crate-metadata.json",
        "@type": "CreativeWork",
        "conformsTo": {"@id": "https://w3id.org/ro/crate/1.1"},
        "about": {"@id": "./"},
    }
    profile = {
        "@id": _PROFILE,
        "@type": "CreativeWork",
        "name": "Process Run Crate",
        "version": "0.5",
    }
    described = [_file(path, content) for path, content in files.items()]
    graph = [
        about,
        root,
        profile,
        licence,
        *([author] if author else []),
        *programs,
        done,
        *described,
    ]
    return {"@context": "https://w3id.org/ro/crate/1.1/context", "@graph": graph}


def _reference(entity: dict[str, Any]) -> dict[str, str]:
    return {"@id": entity["@id"]}


def _licence(name: str) -> dict[str, Any]:
    address = name if name.startswith("http") else f"https://spdx.org/licenses/{name}"
    if " " in name:  # several
        address = "#licence"
    return {"@id": address, "@type": "CreativeWork", "name": name, "description": f"Licence {name}"}


def _author(attributes: dict[str, Any]) -> dict[str, Any] | None:
    if "creator_name" not in attributes:
        return None
    found = {"@type": "Person", "name": attributes["creator_name"]}
    if "institution" in attributes:
        found["affiliation"] = attributes["institution"]
    return {"@id": attributes.get("creator_url", "#creator")} | found


def _programs(attributes: dict[str, Any]) -> list[dict[str, Any]]:
    """eiphase first, and the packages that it computed with."""
    versions = {"eiphase": "unknown"} | _versions(attributes)
    required = [{"@id": f"#{name}"} for name in versions if name != "eiphase"]
    programs: list[dict[str, Any]] = [
        {
            "@id": f"#{name}",
            "@type": "SoftwareApplication",
            "name": name,
            "softwareVersion": version,
        }
        for name, version in versions.items()
    ]
    programs.sort(key=lambda program: program["name"] != "eiphase")
    programs[0] |= {"softwareRequirements": required}
    return programs


def _file(path: str, content: bytes) -> dict[str, Any]:
    return {
        "@id": quote(path),
        "@type": "File",
        "name": path.rpartition("/")[2],
        "encodingFormat": _FORMATS.get(Path(path).suffix, "application/octet-stream"),
        "contentSize": str(len(content)),
        "sha256": sha256(content).hexdigest(),
    }
