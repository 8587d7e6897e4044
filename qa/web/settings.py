"""What one run of the web app is told at its start."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from qa.people.accounts import UserRole
from qa.people.throttle import Rate

_USUAL = {"http": 80, "https": 443}


def normal(url: str) -> str:
    """An address as a browser writes it in ``Origin``: small letters, no usual port, no path (``https://QA.example.com:443/`` as
    ``https://qa.example.com``).  '' stays ''; what is no address stays as it is."""
    try:
        parts = urlsplit(url.strip())
        port, name = parts.port, (parts.hostname or "").encode("idna").decode("ascii")
    except ValueError:
        return url
    if parts.scheme not in _USUAL or not name:
        return url
    host = f"[{name}]" if ":" in name else name
    return urlunsplit((parts.scheme, host if port in (None, _USUAL[parts.scheme]) else f"{host}:{port}", "", "", ""))


RATE, COSTLY_RATE = Rate(600, 10.0), Rate(120, 2.0)
"""Some hundred times what a person does, and more than eight people's load test asks for."""
LOOPBACK = ("127.0.0.1", "localhost", "[::1]")


@dataclass(frozen=True)
class Settings:
    """``public_url``: the address that people type (``https://qa.example.com``), '' on this machine alone; ``demo``: with sample people.

    ``tls``: the app itself speaks https.  ``second_factor``: roles that must have one.  How much one account may ask for: ``rate`` of all
    that it asks for, ``costly_rate`` of what takes long or takes much away (``Page.costly``).
    """

    db: Path
    public_url: str = ""
    demo: bool = False
    workers: int = 8
    tls: bool = False
    second_factor: frozenset[UserRole] = frozenset()
    rate: Rate = RATE
    costly_rate: Rate = COSTLY_RATE

    def __post_init__(self) -> None:
        object.__setattr__(self, "public_url", normal(self.public_url))

    @property
    def secure(self) -> bool:
        """Whether people come by https: then cookies are ``Secure`` and named ``__Host-``."""
        return self.tls or self.public_url.startswith("https://")

    @property
    def hosts(self) -> frozenset[str]:
        """Names under which the app answers (without port); any other is refused, so that no foreign name leads here."""
        return frozenset({*LOOPBACK, *([urlsplit(self.public_url).hostname or ""] if self.public_url else [])})
