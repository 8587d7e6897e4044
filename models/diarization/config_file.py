"""``config.yaml`` of a bundle, into which more than one step of the recipe writes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import yaml

from qa.diarization.linking import CONFIG_FILE
from qa.model_files import write_hashes


def update(folder: Path, told: Mapping[str, object]) -> None:
    """Write the keys ``told`` (whole, as they are) into the bundle's ``config.yaml``, leave the others, and record all hashes anew."""
    path = folder / CONFIG_FILE
    config = yaml.safe_load(path.read_text("utf-8")) if path.is_file() else None
    path.write_text(yaml.safe_dump({**(config or {}), **told}, sort_keys=False, allow_unicode=True), "utf-8")
    write_hashes(folder)
