"""``qa records withdraw``: call records and registers that were imported wrongly are taken out, and put back; nothing is deleted.

Exit status: 0 done, 2 wrong usage, or nothing of that name is there.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from qa.cli_common import DB_DEFAULT, Db, Json, out, print_json
from qa.cli_logged import changed
from qa.errors import RecordError

if TYPE_CHECKING:
    from qa.reassigned import Counting
    from qa.store import Store
    from qa.switch.building import Built
    from qa.withdrawals import Moved

LISTED = 20
_ONE_OF = "请写通话编号，或 --source 文件，二者取一"


def register(records_app: typer.Typer) -> None:
    """Add the command to the group ``qa records``."""
    records_app.command("withdraw")(withdraw)


@dataclass(frozen=True)
class _Chosen:
    """Rows to decide on, the calls that they belong to, and the ids under which these may have been scored.

    ``stored``: calls that were scored and have no imported rows (their records came from a table of their own).
    """

    row_ids: tuple[int, ...]
    calls: tuple[Built, ...]
    names: tuple[str, ...]
    stored: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Done:
    """``rows`` of ``calls`` that changed, the scorecards made through them (those ``still`` there have other records), and what moved.

    ``left``: calls that were not put back, by the reason.
    """

    rows: int
    calls: tuple[str, ...]
    scored: tuple[Counting, ...]
    still: frozenset[str]
    moved: tuple[Moved, ...]
    left: tuple[tuple[str, str], ...] = ()


def withdraw(
    calls: Annotated[list[str] | None, typer.Argument(help="通话编号（qa records list）", metavar="CALL_ID…")] = None,
    source: Annotated[str, typer.Option("--source", help="撤回从这个文件读入的全部行，登记表也可以", metavar="FILE")] = "",
    reason: Annotated[str, typer.Option("--reason", help="理由，记入数据库", metavar="TEXT")] = "",
    by: Annotated[str, typer.Option("--by", help="谁做的（姓名），记入数据库", metavar="NAME")] = "",
    restore: Annotated[bool, typer.Option("--restore", help="反过来：撤回过的恢复采用")] = False,
    scorecards: Annotated[bool, typer.Option("--scorecards", help="由这些话单做出的评分卡一并撤回（或恢复）；不写则只列出")] = False,
    db: Db = DB_DEFAULT,
    as_json: Json = False,
) -> None:
    """撤回导入错的话单或登记表（withdraw）：不再与录音相配，不计入话单检查和话务表；什么也不删除，可以恢复。"""
    from qa.export import mask_name
    from qa.store import Store

    if bool(calls) == bool(source):
        raise RecordError("qa records withdraw", "没有写撤回什么" if not calls else "通话编号和 --source 不能一起写", _ONE_OF)
    if not reason.strip():
        raise RecordError("--reason", "没有写理由", "请写明为什么，如 --reason 导错了文件")
    with Store(db, create=False) as store:
        chosen = _of_source(store, source, restore) if source else _of_calls(store, calls or [], restore, scorecards)
        with store.db.writing():
            done = _decide(store, chosen, by.strip(), reason.strip(), restore, scorecards)
            told = {"rows": len(chosen.row_ids), "calls": len(chosen.calls), "restore": restore, "scorecards": scorecards}
            changed(store, by, "records.withdraw", "records", source or "、".join(mask_name(one) for one in calls or []), **told)
    if as_json:
        print_json(_json(done, scorecards))
    else:
        _show(done, restore, scorecards)


# ---------------------------------------------------------------- what is meant


def _of_calls(store: Store, calls: Sequence[str], restore: bool, scorecards: bool = False) -> _Chosen:
    """All rows of these calls, the corrected ones as well, so that none of them comes back in the newest one's stead.

    With ``scorecards`` also calls that were scored and of which nothing was imported.
    """
    from qa.switch import log

    asked = dict.fromkeys(calls)
    stored = [one for one in asked if scorecards and not log.of_ids(store, {one}, restore) and store.withdrawals.whose(one) is not None]
    found = [log.by_id(store, call_id, out=restore) for call_id in asked if call_id not in stored]
    row_ids = store.log.withdrawn.of_keys((row.kind, row.key) for one in found for row in one.rows)
    return _Chosen(tuple(row_ids), tuple(found), _names(store, found, restore), tuple(stored))


def _of_source(store: Store, source: str, restore: bool) -> _Chosen:
    """All rows that were read from a file."""
    from qa.switch import log

    file = _source(store, source)
    rows = [row for row in store.log.of_source(file) if bool(row.withdrawn) is restore]
    keys = {(row.kind, row.key) for row in rows}
    ids = (name for row in rows for name in (row.part, row.ref, row.other))
    found = [one for one in log.of_ids(store, ids, out=restore) if any((row.kind, row.key) in keys for row in one.rows)]
    return _Chosen(tuple(store.log.withdrawn.of_source(file)), tuple(found), _names(store, found, restore))


def _source(store: Store, told: str) -> str:
    """The imported file that is meant: by the name that it was imported by, its place, or the end of it.

    Errors: :class:`RecordError` where it is none or not one.
    """
    known = store.log.withdrawn.sources()
    tail = f"/{Path(told).as_posix().removeprefix('./')}"
    tests = (
        lambda file: file == told,
        lambda file: Path(file).absolute() == Path(told).absolute(),
        lambda file: f"/{Path(file).as_posix()}".endswith(tail),
    )
    fitting = next((some for test in tests if (some := [file for file in known if test(file)])), [])
    if len(fitting) == 1:
        return fitting[0]
    several = "、".join((fitting or known)[:LISTED])
    raise RecordError(told, "有几个这样的文件" if fitting else "没有从这个文件导入过", f"导入过的有：{several}" if several else "请先导入")


def _names(store: Store, found: Iterable[Built], restore: bool) -> tuple[str, ...]:
    """The ids under which these calls may have been scored: their own, and the switch's that are no other call's."""
    from qa.switch import log

    mine = {one.call.call_id: one.ids | {one.call.call_id} for one in found}
    ids = {name for names in mine.values() for name in names}
    others = {name for one in log.of_ids(store, ids, out=restore) if one.call.call_id not in mine for name in (*one.ids, one.call.call_id)}
    return tuple(sorted(name for call_id, names in mine.items() for name in names if name == call_id or name not in others))


def _decide(store: Store, chosen: _Chosen, by: str, reason: str, restore: bool, scorecards: bool) -> _Done:
    from qa.switch import log

    calls = (*(one.call.call_id for one in chosen.calls), *chosen.stored)
    rows = store.log.withdrawn.decide(chosen.row_ids, not restore, by, reason)
    names = (*chosen.names, *chosen.stored)
    if restore:
        stored = [one for name in names for one in store.withdrawals.not_counting(name)] if scorecards else []
        left = {one: why for one in stored if (why := store.withdrawals.kept_out(one))}
        back = store.withdrawals.by_person([one for one in stored if one not in left], True, by, reason)
        return _Done(rows, calls, (), frozenset(), back, tuple(left.items()))
    left_over = {one.call.call_id for one in log.of_ids(store, {name for one in chosen.calls for name in one.ids})}
    scored = store.withdrawals.counting(names)
    going = [one.call_id for one in scored if one.call_id.partition("#")[0] not in left_over] if scorecards else []
    moved = store.withdrawals.by_person(going, False, by, reason)
    still = frozenset(one.call_id for one in scored if one.call_id.partition("#")[0] in left_over)
    return _Done(rows, calls, scored, still, moved)


# ---------------------------------------------------------------- output


def _json(done: _Done, scorecards: bool) -> dict[str, Any]:
    cards = [
        {"call_id": one.call_id, "agent_id": one.agent_id, "month": one.month, "other_records": one.call_id in done.still}
        for one in done.scored
    ]
    moved = [{"call_id": one.call_id, "counts": one.withdrawal.counts, "proposed": one.withdrawal.proposed} for one in done.moved]
    told = {"decided": moved, "not_restored": [{"call_id": one, "why": why} for one, why in done.left]} if scorecards else {}
    return {"rows": done.rows, "calls": list(done.calls), "scorecards": cards} | told


def _show(done: _Done, restore: bool, scorecards: bool) -> None:
    console = out()
    console.print(f"{'恢复' if restore else '撤回'} {done.rows} 行，{len(done.calls)} 通电话" if done.rows else "没有可以改变的行")
    settled = {one.call_id: one for one in done.moved}
    for one in done.scored:
        who = f"{one.call_id}（坐席 {one.agent_id or '不明'}，{one.month or '月份不明'}）"
        if one.call_id in settled:
            continue
        told = "还有别的话单，评分卡照旧" if one.call_id in done.still else "评分卡由撤回的话单做出，仍计入统计"
        console.print(f"! {who}：{told}", markup=False, soft_wrap=True)
    for moved in done.moved:
        console.print(f"! {moved.call_id}：{moved.withdrawal}", markup=False, soft_wrap=True)
    for call_id, why in done.left:
        console.print(f"! {call_id}：没有恢复计入：{why}", markup=False, soft_wrap=True)
    if any(one.call_id not in done.still for one in done.scored) and not scorecards:
        console.print("评分卡不会自动撤回；请核对，要一并撤回请加 --scorecards，或改正话单后重新评分（qa score、qa batch run）")
