"""Reading the samples of ``tests/data/switch`` and tables made by a test."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from zoneinfo import ZoneInfo

from qa.store import Store
from qa.switch import building, formats, importing
from qa.switch.rows import Fault, Row, Settings
from qa.types.log import LoggedCall, Person

SAMPLES = Path(__file__).parent / "data" / "switch"
CHINA = Settings(zone=ZoneInfo("Asia/Shanghai"))

CDR = (
    '"","{src}","{dst}","ctx","""x"" <{src}>","{channel}","{to}","{app}","data","{start}",{answer},"{end}",{duration},{billsec},'
    '"{disposition}","DOCUMENTATION","{uniqueid}","","","{linkedid}","{sequence}"\n'
)


def cdr(**told: str | int) -> str:
    """A line of ``Master.csv``: an answered call from a trunk to 8001 where nothing else is said."""
    row: dict[str, str | int] = {
        "src": "13800138000", "dst": "8001", "channel": "PJSIP/trunk-0000002a", "to": "PJSIP/8001-0000002b", "app": "Dial",
        "start": "2024-05-01 09:00:00", "answer": "2024-05-01 09:00:07", "end": "2024-05-01 09:02:07", "duration": 127, "billsec": 120,
        "disposition": "ANSWERED", "uniqueid": "1714525200.100", "sequence": 0,
    } | told  # fmt: skip
    row.setdefault("linkedid", row["uniqueid"])
    row["answer"] = f'"{row["answer"]}"' if row["answer"] else ""
    return CDR.format(**row)


def read(*paths: Path, settings: Settings = CHINA, format_: str = "") -> tuple[list[Row], list[Fault]]:
    """Rows and faults of files."""
    rows: list[Row] = []
    faults: list[Fault] = []
    for path in paths:
        for found in formats.rows(path, formats.reading(path, format_, None, settings)):
            rows += [replace(found, file=str(path))] if isinstance(found, Row) else []
            faults += [found] if isinstance(found, Fault) else []
    return rows, faults


def calls(*paths: Path, settings: Settings = CHINA, roster: tuple[Person, ...] = ()) -> dict[str, LoggedCall]:
    """Calls of files by id; no row may be wrong."""
    rows, faults = read(*paths, settings=settings)
    assert faults == []
    return {built.call.call_id: built.call for built in building.build(rows, roster)[0]}


def samples(*names: str, settings: Settings = CHINA, roster: tuple[Person, ...] = ()) -> dict[str, LoggedCall]:
    return calls(*(SAMPLES / name for name in names), settings=settings, roster=roster)


def written(folder: Path, name: str, text: str, encoding: str = "utf-8") -> Path:
    path = folder / name
    path.write_bytes(text.encode(encoding))
    return path


def put(store: Store, path: Path, settings: Settings = CHINA, format_: str = "") -> importing.Imported:
    return importing.import_file(store, path, formats.reading(path, format_, None, settings))
