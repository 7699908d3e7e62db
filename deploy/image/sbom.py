"""The software bill of materials of an image: CycloneDX 1.6 JSON, from what dpkg knows of the tree.

The packages are dpkg's, with the dependencies as they were resolved in this tree. Nothing is asked of the network, and
the same tree gives the same bytes: the serial number is made from the contents, the time is SOURCE_DATE_EPOCH.

A package is named by its purl (package-url, type `deb`): `pkg:deb/debian/NAME@VERSION?arch=ARCH&distro=debian-13`, with
`upstream=` where the source package is called otherwise, which is the name that Debian's security tracker knows.
Licences are the short names of the package's `copyright` file, where that file is machine readable (DEP 5).
"""

import json
import re
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final
from urllib.parse import quote

SPEC_VERSION: Final = "1.6"
OWN_PACKAGE: Final = "edge-streamer"
_NAMESPACE: Final = uuid.UUID("5e0c9c2e-3a0b-5f5b-8f57-0d5f4a5b5a31")
"""Of the serial numbers; any constant would do."""
_DEPENDS: Final = ("Pre-Depends", "Depends")
_ARCHITECTURE_SUFFIX: Final = re.compile(r":[a-z0-9-]+$")
_VERSIONED: Final = re.compile(r"(?P<name>\S+)(?:\s+\((?P<rest>[^)]*)\))?")
_DEP_5: Final = re.compile(
    r"Format:\s*https?://www\.debian\.org/doc/packaging-manuals/copyright-format/1\.0/?\s*$", re.M
)
_LICENCE: Final = re.compile(r"^License:[ \t]*(\S[^\n]*)$", re.M)
_VENDOR_VERSION: Final = re.compile(r"\+rp[it]\d")
"""How Raspberry Pi's archive marks what it changed or made: 1:1.20251008-1+rpt1, 14+rpi1."""

CopyrightOf = Callable[[str], str | None]
"""Name of a package -> the text of its copyright file, or None where the tree has none."""


@dataclass(frozen=True, slots=True)
class Subject:
    """The image that the document is about."""

    name: str
    version: str
    made_at: int
    """Seconds since 1970: SOURCE_DATE_EPOCH."""
    distribution: str = "debian-13"


@dataclass(frozen=True, slots=True)
class Package:
    """An installed package, as its stanza says."""

    name: str
    version: str
    architecture: str
    source: str
    maintainer: str
    homepage: str
    depends: tuple[tuple[str, ...], ...]
    """Each an alternative of names."""
    provides: tuple[str, ...] = field(default=())


def write_sbom(status_text: str, path: Path, subject: Subject, copyright_of: CopyrightOf = lambda _: None) -> None:
    """Write the document; `status_text` is the tree's `var/lib/dpkg/status`."""
    path.write_text(sbom(status_text, subject, copyright_of), encoding="utf-8")


def copyright_in(tree: Path) -> CopyrightOf:
    """Return the reader of the copyright files that the tree still has."""

    def read(name: str) -> str | None:
        file = tree / "usr/share/doc" / name / "copyright"
        return file.read_text(encoding="utf-8", errors="replace") if file.is_file() else None

    return read


def sbom(status_text: str, subject: Subject, copyright_of: CopyrightOf = lambda _: None) -> str:
    """Return the JSON text, which ends with a line feed."""
    packages = sorted(installed(status_text), key=lambda package: (package.name, package.architecture))
    root = {"type": "operating-system", "bom-ref": "image", "name": subject.name, "version": subject.version}
    document: dict[str, object] = {
        "$schema": f"http://cyclonedx.org/schema/bom-{SPEC_VERSION}.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": SPEC_VERSION,
        "version": 1,
        "metadata": {
            "timestamp": datetime.fromtimestamp(subject.made_at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "tools": {"components": [{"type": "application", "name": "edge_streamer deploy/image/sbom.py"}]},
            "component": root,
        },
        "components": [_component(package, subject, copyright_of(package.name)) for package in packages],
        "dependencies": _dependencies(packages, subject),
    }
    serial = uuid.uuid5(_NAMESPACE, json.dumps(document, sort_keys=True))
    return json.dumps({"serialNumber": f"urn:uuid:{serial}"} | document, indent=1, ensure_ascii=False) + "\n"


def installed(status_text: str) -> Iterator[Package]:
    """Yield the packages whose files are there; removed ones, of which only configuration is left, are not."""
    for stanza in status_text.split("\n\n"):
        fields = _fields(stanza)
        if fields.get("Status", "").endswith(" installed"):
            yield _package(fields)


def _fields(stanza: str) -> Mapping[str, str]:
    """Return the fields of a stanza (deb822) without what continues on further lines: no field used here does."""
    pairs = (line.split(":", 1) for line in stanza.splitlines() if line[:1].strip() and ":" in line)
    return {name: value.strip() for name, value in pairs}


def _package(fields: Mapping[str, str]) -> Package:
    relations = ", ".join(fields[name] for name in _DEPENDS if fields.get(name))
    return Package(
        name=fields["Package"],
        version=fields["Version"],
        architecture=fields["Architecture"],
        source=fields.get("Source", fields["Package"]),
        maintainer=fields.get("Maintainer", ""),
        homepage=fields.get("Homepage", ""),
        depends=tuple(tuple(_names(relation.split("|"))) for relation in relations.split(",") if relation.strip()),
        provides=tuple(_names(fields.get("Provides", "").split(","))),
    )


def _names(relations: Iterable[str]) -> Iterator[str]:
    for relation in relations:
        if found := _VERSIONED.match(relation.strip()):
            yield _ARCHITECTURE_SUFFIX.sub("", found["name"])


def _component(package: Package, subject: Subject, copyright_text: str | None) -> Mapping[str, object]:
    name = purl(package, subject.distribution)
    component: dict[str, object] = {
        "type": "application" if package.name == OWN_PACKAGE else "library",
        "bom-ref": name,
        "name": package.name,
        "version": package.version,
        "purl": name,
    }
    if package.maintainer:
        component["supplier"] = {"name": package.maintainer.partition(" <")[0]}
    if licences := _licences(copyright_text):
        component["licenses"] = [{"license": {"name": licence}} for licence in licences]
    if package.homepage.startswith(("http:", "https:")):
        component["externalReferences"] = [{"type": "website", "url": package.homepage}]
    return component


def purl(package: Package, distribution: str) -> str:
    """Return the package's package-url, whose parts are percent-encoded as its specification says."""
    if package.name == OWN_PACKAGE:
        return f"pkg:generic/{OWN_PACKAGE}@{_encoded(package.version)}"
    vendor = "raspberrypi" if _VENDOR_VERSION.search(package.version) else "debian"
    source = _VERSIONED.match(package.source)
    assert source, package.source  # a field of dpkg's is not empty
    upstream = source["name"] + (f"@{source['rest']}" if source["rest"] else "")
    qualifiers = f"arch={_encoded(package.architecture)}&distro={_encoded(distribution)}"
    if upstream != package.name:
        qualifiers += f"&upstream={_encoded(upstream)}"
    return f"pkg:deb/{vendor}/{_encoded(package.name)}@{_encoded(package.version)}?{qualifiers}"


def _encoded(text: str) -> str:
    return quote(text, safe="")


def _licences(copyright_text: str | None) -> list[str]:
    """Return the short names in the file's order; nothing of a file in prose, which only a person can read."""
    if copyright_text is None or not _DEP_5.search(copyright_text):
        return []
    return list(dict.fromkeys(found.strip() for found in _LICENCE.findall(copyright_text)))


def _dependencies(packages: list[Package], subject: Subject) -> list[Mapping[str, object]]:
    """Return for each package what it needs of this tree: of alternatives, the first that is installed."""
    names: dict[str, str] = {}
    for package in packages:
        for provided in package.provides:
            names.setdefault(provided, purl(package, subject.distribution))
    names |= {package.name: purl(package, subject.distribution) for package in packages}
    needed: list[Mapping[str, object]] = [
        {"ref": "image", "dependsOn": sorted({names[package.name] for package in packages})}
    ]
    for package in packages:
        found = {next((names[name] for name in choice if name in names), None) for choice in package.depends}
        own = names[package.name]
        needed.append({"ref": own, "dependsOn": sorted(name for name in found if name is not None and name != own)})
    return needed
