"""Which libraries of ``deploy/constraints.txt`` are behind the package index, and for how many days: run it monthly.

    python deploy/outdated.py [--index https://pypi.org/simple] [--days 90]

A library is behind since the first newer release was published (times of the index, PEP 700).  Releases that were withdrawn, and those that
are not final, do not count.  Ends with 1 where one has been behind for more than ``--days`` days, the deadline of docs/security.md, with 2
where the index does not tell.  It asks for the names in that file and for nothing else.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import urllib.request
from datetime import UTC, datetime
from pathlib import Path

from packaging.utils import InvalidSdistFilename, InvalidWheelFilename, canonicalize_name, parse_sdist_filename, parse_wheel_filename
from packaging.version import InvalidVersion, Version

CONSTRAINTS = Path(__file__).with_name("constraints.txt")
DAYS = 90
SIMPLE = "application/vnd.pypi.simple.v1+json"


def pinned(text: str) -> dict[str, Version]:
    """Names and versions of a file of constraints."""
    lines = [line.split("#")[0].strip() for line in text.splitlines()]
    parts = [line.partition("==") for line in lines if line]
    return {canonicalize_name(name): Version(version) for name, _, version in parts}


def released(told: dict[str, object]) -> dict[Version, datetime]:
    """Final releases of the index's answer that stand, and when the first file of each was published."""
    found: dict[Version, datetime] = {}
    for file in told["files"]:  # type: ignore[attr-defined]
        version = _version(str(file["filename"]))
        if version is None or version.is_prerelease or file.get("yanked") or "upload-time" not in file:
            continue
        at = datetime.fromisoformat(str(file["upload-time"]).replace("Z", "+00:00"))
        found[version] = min(at, found.get(version, at))
    return found


def _version(name: str) -> Version | None:
    try:
        return parse_wheel_filename(name)[1] if name.endswith(".whl") else parse_sdist_filename(name)[1]
    except (InvalidWheelFilename, InvalidSdistFilename, InvalidVersion):
        return None


def behind(own: Version, releases: dict[Version, datetime], now: datetime) -> tuple[Version, int] | None:
    """The newest release and for how many whole days there has been a newer one; None where there is none."""
    newer = {version: at for version, at in releases.items() if version > own}
    return (max(newer), (now - min(newer.values())).days) if newer else None


def asked(index: str, name: str) -> dict[str, object]:
    """What the index knows of a library.  Errors: OSError, ValueError."""
    request = urllib.request.Request(f"{index.rstrip('/')}/{name}/", headers={"Accept": SIMPLE})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return dict(json.load(answer))


def main() -> int:
    """The exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--index", default=os.environ.get("PIP_INDEX_URL", "https://pypi.org/simple"))
    parser.add_argument("--days", type=int, default=DAYS)
    parser.add_argument("--constraints", type=Path, default=CONSTRAINTS)
    given, now, status = parser.parse_args(), datetime.now(UTC), 0
    for name, own in pinned(given.constraints.read_text("utf-8")).items():
        try:
            found = behind(own, released(asked(given.index, name)), now)
        except (OSError, ValueError, KeyError, TypeError) as error:
            print(f"{name}: {given.index} does not tell ({error})", file=sys.stderr)
            status = 2
            continue
        if found is None:
            continue
        newest, days = found
        late = days > given.days
        print(f"{name} {own} -> {newest}, behind for {days} days{' (late)' if late else ''}")
        status = max(status, int(late))
    return status


if __name__ == "__main__":
    sys.exit(main())
