"""At which line each key of a TOML document stands, so that an error can point there.

``tomllib`` (standard library) reads the values and refuses what is not TOML, but forgets the lines.  This scanner finds
only the lines: it trusts the grammar of TOML 1.0 (https://toml.io/en/v1.0.0) and stops silently at the first thing that
it cannot follow, so that the lines before a syntax error are still known.
"""

from __future__ import annotations

import bisect
import re
import tomllib
from dataclasses import dataclass, field

Key = tuple[str | int, ...]
"""Path of a value: table and key names, and the position (from 0) inside an array or an array of tables."""

_BLANK = re.compile(r"(?:[ \t\n]|#[^\n]*)*")
_SPACE = re.compile(r"[ \t]*")
_KEY_PART = re.compile(r"""[A-Za-z0-9_-]+|"(?:\\.|[^"\\\n])*"|'[^'\n]*'""")
_STRING = re.compile(r'''"""(?:\\.|[^\\])*?""""{0,2}|\'\'\'.*?\'\'\''{0,2}|"(?:\\.|[^"\\\n])*"|'[^'\n]*\'''', re.DOTALL)
_SCALAR = re.compile(r"[^\s,\[\]{}#\"'][^,\]}\n#]*")


@dataclass(frozen=True)
class TomlLines:
    """Line (from 1) of every key, table and array element; ``twice``: keys defined again, with both lines.

    ``open_key`` is the key whose value was not yet complete where the scan had to stop, None if the scan reached the end
    or stopped between two values.  ``inline`` are the tables written as a value, ``{ … }``.
    """

    lines: dict[Key, int]
    twice: tuple[tuple[Key, int, int], ...] = ()
    open_key: Key | None = None
    inline: frozenset[Key] = frozenset()

    def line(self, key: Key) -> int:
        """Line of ``key``, or of the nearest table or array around it that has one; 1 for the document itself."""
        for length in range(len(key), 0, -1):
            if key[:length] in self.lines:
                return self.lines[key[:length]]
        return 1


def scan(text: str) -> TomlLines:
    """Lines of all keys in ``text`` (line ends ``\\n`` or ``\\r\\n``); of what stands before the fault if it is not TOML."""
    scanner = _Scanner(text.replace("\r\n", "\n"))
    try:
        scanner.document()
    except (_StopError, RecursionError):
        return TomlLines(scanner.lines, tuple(scanner.twice), scanner.open_key, frozenset(scanner.inline))
    return TomlLines(scanner.lines, tuple(scanner.twice), None, frozenset(scanner.inline))


class _StopError(Exception):
    """The text does not go on as TOML would."""


@dataclass
class _Scanner:
    text: str
    at: int = 0
    lines: dict[Key, int] = field(default_factory=dict)
    twice: list[tuple[Key, int, int]] = field(default_factory=list)
    defined: set[Key] = field(default_factory=set)
    lengths: dict[Key, int] = field(default_factory=dict)
    inline: set[Key] = field(default_factory=set)
    open_key: Key | None = None

    def __post_init__(self) -> None:
        self.newlines = [i for i, char in enumerate(self.text) if char == "\n"]

    def document(self) -> None:
        table: Key = ()
        while True:
            self.take(_BLANK)
            if self.at == len(self.text):
                return
            if self.text[self.at] == "[":
                table = self.header()
            else:
                self.key_value(table)
            self.take(_SPACE)
            if self.at < len(self.text) and self.text[self.at] not in "\n#":
                raise _StopError

    def header(self) -> Key:
        """``[table]`` or ``[[array of tables]]``: the path that the keys below it belong to."""
        line, opened = self.line_here(), self.at
        self.at += 2 if self.text.startswith("[[", self.at) else 1
        array = self.at - opened == 2
        parts = self.dotted()
        self.expect("]]" if array else "]")
        path: Key = ()
        for part in parts[:-1]:
            path = self.inside((*path, part), line)
        path = (*path, parts[-1])
        if not array:
            self.define(path, line)
            return path
        self.lines.setdefault(path, line)
        self.lengths[path] = self.lengths.get(path, 0) + 1
        path = self.inside(path, line)
        self.define(path, line)
        return path

    def inside(self, path: Key, line: int) -> Key:
        """``path`` itself, or the newest element where it is an array of tables."""
        self.lines.setdefault(path, line)
        return (*path, self.lengths[path] - 1) if path in self.lengths else path

    def define(self, path: Key, line: int) -> None:
        within_another = any(path[: len(known)] == known for known, _, _ in self.twice)
        if path in self.defined and not within_another:
            self.twice.append((path, self.lines[path], line))
        self.defined.add(path)
        self.lines.setdefault(path, line)

    def key_value(self, table: Key) -> None:
        line, path = self.line_here(), table
        parts = self.dotted()
        for part in parts[:-1]:
            path = (*path, part)
            self.lines.setdefault(path, line)
        path = (*path, parts[-1])
        self.define(path, line)
        self.open_key = path
        self.expect("=")
        self.take(_SPACE)
        self.value(path)
        self.open_key = None

    def value(self, path: Key) -> None:
        opening = self.text[self.at : self.at + 1]
        if opening == "[":
            self.array(path)
        elif opening == "{":
            self.inline_table(path)
        elif not (self.take(_STRING) or self.take(_SCALAR)):
            raise _StopError

    def array(self, path: Key) -> None:
        self.expect("[")
        self.take(_BLANK)
        index = 0
        while not self.text.startswith("]", self.at):
            self.define((*path, index), self.line_here())
            self.value((*path, index))
            self.take(_BLANK)
            if not self.text.startswith("]", self.at):
                self.expect(",")
                self.take(_BLANK)
            index += 1
        self.at += 1

    def inline_table(self, path: Key) -> None:
        self.inline.add(path)
        self.expect("{")
        self.take(_SPACE)
        while not self.text.startswith("}", self.at):
            self.key_value(path)
            self.open_key = path
            self.take(_SPACE)
            if not self.text.startswith("}", self.at):
                self.expect(",")
                self.take(_SPACE)
        self.at += 1

    def dotted(self) -> tuple[str, ...]:
        parts: list[str] = []
        while True:
            self.take(_SPACE)
            part = self.take(_KEY_PART)
            if not part:
                raise _StopError
            parts.append(_unquote(part))
            self.take(_SPACE)
            if not self.text.startswith(".", self.at):
                return tuple(parts)
            self.at += 1

    def take(self, pattern: re.Pattern[str]) -> str:
        match = pattern.match(self.text, self.at)
        if match is None:
            return ""
        self.at = match.end()
        return match.group()

    def expect(self, mark: str) -> None:
        if not self.text.startswith(mark, self.at):
            raise _StopError
        self.at += len(mark)

    def line_here(self) -> int:
        return bisect.bisect_left(self.newlines, self.at) + 1


def _unquote(part: str) -> str:
    if part[0] not in "\"'":
        return part
    try:
        return str(tomllib.loads(f"key = {part}")["key"])
    except tomllib.TOMLDecodeError as error:
        raise _StopError from error
