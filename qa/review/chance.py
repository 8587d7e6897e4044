"""Chance that anybody can check: the same seed and call always give the same number."""

from __future__ import annotations

import hashlib


def share(seed: str, call_id: str) -> float:
    """A number of 0 or more and below 1, evenly spread over calls."""
    digest = hashlib.sha256(f"{seed}\n{call_id}".encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64
