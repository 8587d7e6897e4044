"""What one run of the web app is told at its start."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

LOOPBACK = ("127.0.0.1", "localhost", "[::1]")


@dataclass(frozen=True)
class Settings:
    """``public_url``: the address that people type (``https://qa.example.com``), '' on this machine alone; ``demo``: with sample people."""

    db: Path
    public_url: str = ""
    demo: bool = False
    workers: int = 8

    @property
    def secure(self) -> bool:
        """Whether people come by https: then cookies are ``Secure`` and named ``__Host-``."""
        return self.public_url.startswith("https://")

    @property
    def hosts(self) -> frozenset[str]:
        """Names under which the app answers (without port); any other is refused, so that no foreign name leads here."""
        return frozenset({*LOOPBACK, *([urlsplit(self.public_url).hostname or ""] if self.public_url else [])})
