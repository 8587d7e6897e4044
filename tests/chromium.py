"""Debian's Chromium as all tests of pages start it."""

from __future__ import annotations

import shutil

import pytest

CHROMIUM = shutil.which("chromium", path="/usr/bin")
MARKS = [pytest.mark.slow, pytest.mark.skipif(CHROMIUM is None, reason="no /usr/bin/chromium")]
ARGUMENTS = [
    "--no-sandbox",
    "--headless",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
WIDTHS = (360, 1440)
"""CSS pixels: a telephone held upright, and a desk."""
