"""``extends``: the files that a rule book is made of, laid over one another, the house's own uppermost."""

from __future__ import annotations

import os.path
from collections.abc import Mapping, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from qa.errors import RuleBookError
from qa.rules.archive import mirrored
from qa.rules.read_conditions import ORDERS, SOURCES
from qa.rules.read_layers import Layered, overlay, single
from qa.toml_document import TomlDocument, nearest
from qa.toml_lines import Key

RULES_FILE = "rules.toml"
OLD_PLACES = {"min_coverage": "min_coverage", "deduction_base": "base"}
"""Keys of ``[profile]`` that may also stand in ``[scoring]``, and their names there."""

# Ways to say one thing, of which a table has one: a house that takes another way displaces the one it inherits.  The first key tells
# which way it is; the others go with it.
_WAYS: tuple[tuple[tuple[str, ...], ...], ...] = (
    (("weight",), ("deduction", "per", "most", "warn_first"), ("bonus", "per", "most")),
    (("amount",), ("low", "high"), ("escalation", "then", "period")),
    (("require",), ("forbid",)),
    tuple((source, *options) for source, options in SOURCES.items()),
    tuple((order, "within_s", "within_turns", "which") for order in ORDERS),
)


@dataclass(frozen=True)
class Files:
    """``document`` has the whole book; ``files`` are the documents it is made of, its own first, ``contents`` their bytes."""

    document: Layered
    files: tuple[TomlDocument, ...]
    contents: tuple[bytes, ...]

    @property
    def folders(self) -> tuple[Path, ...]:
        return tuple(file.path.parent for file in self.files)


def read_files(path: Path, common: Path) -> Files:
    """Read a rule book and all that it extends; ``common`` is the folder of the program's rule books.

    What is wrong with an ``extends`` is noted in the document.  Raises RuleBookError for a file that cannot be read or is no TOML.
    """
    files: list[TomlDocument] = []
    contents: list[bytes] = []
    layers: list[Layered] = []
    problems: list[RuleBookError] = []
    at: Path | None = path
    while at is not None:
        content = _content(at)
        document = TomlDocument(at, content)
        document.problems = problems
        files.append(document)
        contents.append(content)
        layers.append(_own(document))
        at = _parent(document, files, common)
    whole = layers[-1]
    for layer in reversed(layers[:-1]):
        whole = overlay(layer, whole, displaced)
    return Files(whole, tuple(files), tuple(contents))


def bundled(common: Path) -> tuple[str, ...]:
    """Names of the rule books in the folder ``common``, sorted."""
    return tuple(sorted(file.parent.name for file in common.glob(f"*/{RULES_FILE}")))


def book_id(document: TomlDocument) -> str:
    """The id that a file gives its rule book; its folder's name where it gives none."""
    profile = document.data.get("profile")
    found = profile.get("id") if isinstance(profile, dict) else None
    return found if isinstance(found, str) else document.path.parent.name


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise RuleBookError(str(path), f"无法读取：{error.strerror}", "请检查文件权限") from error


def _parent(document: TomlDocument, files: list[TomlDocument], common: Path) -> Path | None:
    """The file that ``document`` extends; None where it extends none, or with a problem noted."""
    profile = document.data.get("profile")
    if not isinstance(profile, dict) or "extends" not in profile:
        return None
    name, key = profile["extends"], ("profile", "extends")
    if not isinstance(name, str):
        document.problem(key, "extends 应为文本", '写成 extends = "default"，或一个文件夹的相对路径')
        return None
    path = common / name if name in bundled(common) else Path(os.path.normpath(document.path.parent / name))
    if Path(name).is_absolute() and (kept := mirrored(path, common)).exists():
        path = kept  # this book is read out of an archive: the text of its day, not what the path leads to now
    path = path / RULES_FILE if path.is_dir() else path
    if not path.is_file():
        document.problem(key, f"extends 所写的规则书 {name} 不存在", nearest(name, bundled(common)))
        return None
    chain = [file.path.resolve() for file in files]
    if path.resolve() in chain:
        loop = [book_id(file) for file in files[chain.index(path.resolve()) :]]
        document.problem(key, f"规则书互相继承：{' → '.join([*loop, loop[0]])}", "其中一个不写 extends")
        return None
    return path


def _own(document: TomlDocument) -> Layered:
    """One file, the keys of its ``[profile]`` that belong to ``[scoring]`` moved there."""
    profile, scoring = document.data.get("profile"), document.data.get("scoring", {})
    if not isinstance(profile, dict) or not isinstance(scoring, dict):
        return single(document)
    moved: dict[Key, Key] = {}
    for old, new in OLD_PLACES.items():
        if old in profile and new in scoring:
            document.problem(("profile", old), f"[profile] 的 {old} 和 [scoring] 的 {new} 只能写一处", "请留下 [scoring] 里的")
        elif old in profile:
            moved["scoring", new] = ("profile", old)
    if not moved:
        return single(document)
    scoring = {**scoring, **{str(new[1]): profile[old[1]] for new, old in moved.items()}}
    return single(document, {**document.data, "scoring": scoring}, moved)


def displaced(key: Key, upper: Mapping[str, Any], lower: Mapping[str, Any]) -> Set[str]:
    """What of the table beneath (an inherited one, a variant's rule) goes because the upper one says it in another way."""
    if not key:
        return {"profile"}  # name, version and dates are each book's own
    if len(key) == 2 and key[0] in ("checks", "log_checks") and upper.get("kind", key[1]) != lower.get("kind", key[1]) and "kind" in upper:
        return set(lower)  # a rule of another kind has nothing in common with the inherited one but its name
    if key[0] not in ("checks", "conditions"):
        return set()
    gone: set[str] = set()
    for ways in _WAYS:
        new = [way for way in ways if way[0] in upper]
        if new and not any(way[0] in lower for way in new):
            gone |= {name for way in ways if way[0] in lower for name in way}
    return gone
