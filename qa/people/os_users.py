"""Who runs a command, as the machine knows them."""

from __future__ import annotations

import getpass
import os


def os_user() -> str:
    """The operating system's name of whoever runs this program; their number where they have none."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid {os.getuid()}"
