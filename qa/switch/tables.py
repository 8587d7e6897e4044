"""Tables of the house's own making: columns found by their names (ours, the usual Chinese ones, or those of a mapping) and read by row."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from qa.errors import RecordError
from qa.switch import files
from qa.switch.mapping import Columns
from qa.switch.rows import Fault


@dataclass(frozen=True)
class Shape:
    """``aliases``: our columns with the names that they usually have, the first our own; one of each set in ``needed`` must be there."""

    aliases: Mapping[str, tuple[str, ...]]
    needed: tuple[tuple[str, ...], ...]

    def places(self, names: Sequence[str]) -> dict[str, int]:
        """Where our columns stand under these names."""
        lowered = [name.strip().lower() for name in names]
        found = {ours: next((lowered.index(n) for n in theirs if n in lowered), -1) for ours, theirs in self.aliases.items()}
        return {ours: place for ours, place in found.items() if place >= 0}

    def missing(self, places: Mapping[str, int]) -> tuple[tuple[str, ...], ...]:
        return tuple(some for some in self.needed if not any(name in places for name in some))

    def headed(self, names: Sequence[str]) -> bool:
        return not self.missing(self.places(names))


def cells(path: Path, shape: Shape, columns: Columns) -> Iterator[tuple[int, dict[str, str]] | Fault]:
    """Line and cells by our names; what [values] says of them is done.

    Errors: :class:`RecordError` where a needed column is not there, or one that the mapping names.
    """
    places: dict[str, int] | None = None if columns.header else _numbered(path, shape, columns)
    width = 0
    for line, found in files.rows(path, columns.delimiter):
        if isinstance(found, Fault):
            yield found
        elif places is None:
            places, width = _headed(path, line, found, shape, columns), len(found)
        elif len(found) < max(places.values(), default=0) + 1 or (width and len(found) != width and not _empty(found[width:])):
            yield Fault(str(path), line, f"有 {len(found)} 个值，应为 {width or max(places.values()) + 1} 个；该行未采用", "请检查该行")
        else:
            told = {name: found[place].strip() for name, place in places.items()}
            yield line, {name: columns.values.get(name, {}).get(cell, cell) for name, cell in told.items()}


def _empty(found: Sequence[str]) -> bool:
    return not any(cell.strip() for cell in found)


def _headed(path: Path, line: int, names: Sequence[str], shape: Shape, columns: Columns) -> dict[str, int]:
    stripped = [name.strip() for name in names]
    repeated = sorted({name for name in stripped if name and stripped.count(name) > 1})
    if repeated:
        raise RecordError(f"{path}:{line}", f"列名重复：{'、'.join(repeated)}", "请删除多余的列")
    places = shape.places(names)
    for ours, theirs in columns.names.items():
        if isinstance(theirs, int):
            places[ours] = theirs - 1
        elif theirs in stripped:
            places[ours] = stripped.index(theirs)
        else:
            raise RecordError(f"{path}:{line}", f"没有映射文件所写的列“{theirs}”", f"该表的列有：{'、'.join(stripped)}")
    _complete(f"{path}:{line}", shape, places)
    return places


def _numbered(path: Path, shape: Shape, columns: Columns) -> dict[str, int]:
    named = [theirs for theirs in columns.names.values() if not isinstance(theirs, int)]
    if named:
        raise RecordError(str(path), f"没有表头的表要写列号，不能写列名“{named[0]}”", "在映射文件的 [columns] 里写从 1 起的列号")
    places = {ours: theirs - 1 for ours, theirs in columns.names.items() if isinstance(theirs, int)}
    _complete(str(path), shape, places)
    return places


def _complete(where: str, shape: Shape, places: Mapping[str, int]) -> None:
    missing = [" 或 ".join(f"{name}（{shape.aliases[name][-1]}）" for name in some) for some in shape.missing(places)]
    if missing:
        raise RecordError(where, f"缺少列 {'、'.join(missing)}", "列名不同时请在映射文件的 [columns] 里写明")
