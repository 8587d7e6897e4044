"""Where the bundled models and rule books lie: top-level folders in a checkout, inside the package in a wheel."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

_PACKAGE = Path(__file__).parent
_lexicons: ContextVar[Path | None] = ContextVar("lexicons", default=None)


def _bundled(name: str) -> Path:
    inside = _PACKAGE / "_bundled" / name
    return inside if inside.is_dir() else _PACKAGE.parent / name


def models_dir() -> Path:
    """Folder with ``models.toml`` and the bundled models."""
    return _bundled("models")


def lexicons_dir() -> Path:
    """Folder with the word lists and, one folder a house, the rule books."""
    return _lexicons.get() or _bundled("lexicons")


@contextmanager
def lexicons_at(folder: Path) -> Iterator[None]:
    """Inside, ``lexicons_dir()`` is ``folder``: a rule book of the past is read with the lists of its day."""
    token = _lexicons.set(folder)
    try:
        yield
    finally:
        _lexicons.reset(token)
