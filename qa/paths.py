"""Where the bundled models and rule books lie: top-level folders in a checkout, inside the package in a wheel."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).parent


def _bundled(name: str) -> Path:
    inside = _PACKAGE / "_bundled" / name
    return inside if inside.is_dir() else _PACKAGE.parent / name


def models_dir() -> Path:
    """Folder with ``models.toml`` and the bundled models."""
    return _bundled("models")


def lexicons_dir() -> Path:
    """Folder with the word lists and, one folder a house, the rule books."""
    return _bundled("lexicons")
