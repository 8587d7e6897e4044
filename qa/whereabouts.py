"""Where a recording lies beside what a record tells of it: its folder, its day, its name without what copying and converting change."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from datetime import date
from pathlib import Path

from qa.rules.expression import Truth

SOUNDS = (
    *("wav", "wav49", "wave", "mp3", "gsm", "ogg", "oga", "opus", "m4a", "aac", "mp4", "amr", "awb", "flac", "wma", "webm", "3gp"),
    *("ulaw", "alaw", "sln", "au", "aiff"),
)
"""Suffixes of sound files, of switches and of what their recordings are converted to."""
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAY = re.compile(r"(?<!\d)(20\d{2})([-_/.]?)(\d{2})\2(\d{2})(?:\d{4}|\d{6}|\d{9})?(?!\d)")
"""A day, perhaps with a time of day behind it without a gap (``20240501090020``)."""
_NAMED_DAY = re.compile(rf"(?<!\d)(20\d{{2}})/({'|'.join(_MONTHS)})[a-z]*/(\d{{1,2}})(?!\d)", re.IGNORECASE)
_COPY = re.compile(r"(?:\s*[(\uff08]\d{1,3}[)\uff09]|\s*-\s*(?:副本|copy))+$", re.IGNORECASE)
"""What a file manager adds to the name of a copy."""


def nfc(name: str) -> str:
    """A name in one spelling of its characters."""
    return unicodedata.normalize("NFC", name)


def days(path: Path) -> frozenset[date]:
    """The days that a recording's own name tells, else the day of the folder nearest to it that tells one; empty where none does."""
    return frozenset(day for _, day in _found(path.name)) or folder_day(path.absolute().parent.as_posix())


def folder_day(folder: str) -> frozenset[date]:
    """The day of a folder (``2024/05/01``, ``2024-05-01``, ``20240501``, ``2024/May/01``), the innermost; empty where there is none."""
    return frozenset(day for _, day in sorted(_found(folder))[-1:])


def _found(text: str) -> Iterator[tuple[int, date]]:
    told = [(found.start(), found[1], found[3], found[4]) for found in _DAY.finditer(text)]
    told += [(found.start(), found[1], str(_MONTHS.index(found[2].lower()) + 1), found[3]) for found in _NAMED_DAY.finditer(text)]
    for at, *parts in told:
        try:
            yield at, date(*map(int, parts))
        except ValueError:
            continue  # digits that are no day


def in_folder(path: Path, told: str) -> Truth:
    """Whether a recording lies in the folder that a record tells of it; UNKNOWN where none is told, or nothing contradicts.

    A folder of the switch itself (``/var/spool/…``) may have been copied to anywhere, but not to that of another day; one that is
    told relatively is the end of the path.
    """
    told = nfc(told).replace("\\", "/").rstrip("/")
    own = nfc(path.absolute().parent.as_posix())
    if not told.strip("./"):
        return Truth.UNKNOWN
    if f"{own}/".endswith(f"/{told.strip('/')}/"):
        return Truth.TRUE
    if not (told.startswith("/") or re.match(r"[A-Za-z]:", told)):
        return Truth.FALSE
    day, here = folder_day(told), folder_day(own)
    return Truth.UNKNOWN if not day or not here else Truth.TRUE if day == here else Truth.FALSE


def plain_stem(name: str) -> str:
    """A sound file's name without its suffix, and without what copying (`` (1)``) and converting (``.wav.mp3``) added."""
    stem = nfc(name)
    while (less := _COPY.sub("", _without_suffix(stem))) != stem and less:
        stem = less
    return stem


def _without_suffix(name: str) -> str:
    stem, dot, suffix = name.rpartition(".")
    return stem if dot and stem and suffix.lower() in SOUNDS else name


def alike(name: str) -> tuple[str, ...]:
    """The names that a record may tell of a sound file that was copied or converted since."""
    stem = plain_stem(name)
    return (stem, *(f"{stem}.{suffix}" for sound in SOUNDS for suffix in (sound, sound.upper())))
