"""Commands about who is who in a call: see what the program found and why, set it by hand."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any

import typer

from qa.cli_common import DB_DEFAULT, Db, Json, QaGroup, out, print_json, table
from qa.clock import house_day
from qa.errors import StoreError
from qa.types import Call, Role

if TYPE_CHECKING:
    from qa.role_marks import RoleMark, Set

roles_app = typer.Typer(cls=QaGroup, no_args_is_help=True, help="谁是坐席、谁是客户：看依据，人工设定（who is who）")
HEARD = 3
"""Utterances of each speaker that help a person to tell."""
_GIVEN = "说话人=角色，如 spk0=agent spk1=customer；同一个人被分成两个声音时，两个都写成他的角色；一个声音里不止一个人时写 mixed"
_NAMES = {"agent": "坐席", "customer": "客户", "announcement": "播报", "third_party": "第三方", "unknown": "不确定", "mixed": "不止一个人"}
_SOURCES = {"record": "话单", "setting": "规则书", "content": "按内容", "person": "人工"}


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.add_typer(roles_app, name="roles")


@roles_app.command("show")
def show(
    call: Annotated[str, typer.Argument(help="通话编号或录音文件名", metavar="CALL")],
    db: Db = DB_DEFAULT,
    as_json: Json = False,
) -> None:
    """看一通电话里谁是谁：把握、依据、各说了什么、人工设定过什么（roles with their reasons）。"""
    from qa import role_marks
    from qa.cli_logged import seen
    from qa.cli_show import masked, resolve
    from qa.report_privacy import without_numbers
    from qa.store import Store

    with Store(db, create=False) as store:
        call_id = resolve(store, call)
        heard = store.call(call_id)
        number = heard.record.customer_number if heard.record is not None else ""
        found = _masked(without_numbers(heard, store.scorecard(call_id))[0], number)
        made = [masked(one, number) for one in role_marks.marks(store.db, call_id)]
        seen(store, "call.view", "call", call_id, command="roles show")
    if as_json:
        print_json(_as_json(call_id, found, made))
        return
    _print(found, made)


def _masked(call: Call, number: str) -> Call:
    from qa.export import mask_text

    stretches = tuple(replace(one, why=mask_text(one.why, number)) for one in call.roles.stretches)
    made = tuple(replace(a, reasons=tuple(mask_text(why, number) for why in a.reasons)) for a in call.roles.assignments)
    return replace(call, roles=replace(call.roles, stretches=stretches, assignments=made))


def _as_json(call_id: str, call: Call, marks: list[RoleMark]) -> dict[str, Any]:
    told = {a.speaker: _first(call, a.speaker) for a in call.roles.assignments}
    return {
        "call_id": call_id,
        "doubt": call.roles.doubt or None,
        "speakers": [{**vars(a), "said": told[a.speaker]} for a in call.roles.assignments],
        "stretches": call.roles.stretches,
        "handed_over_ms": call.roles.handed_over_ms,
        "marks": marks,
    }


def _first(call: Call, speaker: str) -> list[str]:
    return [f"{u.span.start_ms / 1000:.1f} 秒：{u.text}" for u in call.transcript.of(speaker)[:HEARD]]


def _print(call: Call, marks: list[RoleMark]) -> None:
    from qa.cli_show import plain
    from qa.role_settings import confidence_text

    console = out()
    if call.roles.doubt:
        console.print(plain(f"! {call.roles.doubt}", "yellow"), soft_wrap=True)
    made = table("说话人", "角色", "把握", "来源", "依据", right=("把握",))
    for a in call.roles.assignments:
        cells = (a.speaker, _NAMES[a.role.value], confidence_text(a.confidence), _SOURCES.get(a.source, a.source), "；".join(a.reasons))
        made.add_row(*map(plain, cells))
    console.print(made)
    for a in call.roles.assignments:
        for said in _first(call, a.speaker):
            console.print(plain(f"  {a.speaker}  {said}", "dim"), soft_wrap=True)
    for one in call.roles.stretches:
        at = f"{one.span.start_ms / 1000:.1f}–{one.span.end_ms / 1000:.1f} 秒"
        console.print(plain(f"· {one.speaker} {at} 归{_NAMES[one.role.value]}：{one.why}"), soft_wrap=True)
    for mark in marks:
        console.print(plain(f"· {house_day(mark.created)} {mark}", "yellow"), soft_wrap=True)


@roles_app.command("set")
def set_(
    call: Annotated[str, typer.Argument(help="通话编号或录音文件名", metavar="CALL")],
    by: Annotated[str, typer.Option("--by", help="由谁设定（姓名），记入数据库", metavar="NAME")],
    reason: Annotated[str, typer.Option("--reason", help="设定的理由，记入数据库", metavar="TEXT")],
    roles: Annotated[list[str] | None, typer.Argument(help=_GIVEN, metavar="SPEAKER=ROLE…")] = None,
    withdraw: Annotated[bool, typer.Option("--withdraw", help="撤回人工设定，回到程序的判断")] = False,
    whole: Annotated[bool, typer.Option("--whole", help="不再从说话人里分出播报和接手的人")] = False,
    alone: Annotated[bool, typer.Option("--alone", help="听过确认：设为坐席和客户的声音里都没有别人的话")] = False,
    closed_month: Annotated[bool, typer.Option("--closed-month", help="通话所在月份已关账，同意产生待批准的评分")] = False,
    db: Db = DB_DEFAULT,
    as_json: Json = False,
) -> None:
    """设定谁是坐席、谁是客户，随即重新评分，不再听录音；记下谁、为什么（set the roles by hand）。"""
    from qa import role_marks
    from qa.cli_logged import changed
    from qa.cli_show import masked, resolve
    from qa.review import recounting
    from qa.store import Store

    given = _given(call, roles or [], withdraw)
    with Store(db, create=False) as store:
        call_id = resolve(store, call)
        kept = role_marks.setting(store, call_id, given, by, reason, apart=not whole, alone=alone, closed_month=closed_month)
        recounting.at_hand(store, call_id)  # with it the long part is done, while others may write
        with store.db.writing():  # first warnings with the roles: nobody finds the one without the other
            done = kept()
            changed(store, by, "review.roles", "call", call_id, scorecard=done.saved.id)
            others = recounting.recounted(store, call_id, by)
        number = next((c.customer_number for c in store.calls(call_id=call_id)), "") or ""
        mark = masked(done.mark, number)
    if as_json:
        print_json({"mark": mark, "proposed": done.saved.proposed, "percent_before": done.before, "percent_after": done.after})
        return
    out().print(_told(mark, done), markup=False, soft_wrap=True)
    if others:
        out().print(f"先警告的次数已按通话时间重算：另有 {len(others)} 通的得分因此改变", markup=False, soft_wrap=True)


def _told(mark: RoleMark, done: Set) -> str:
    from qa.report_text import percent_text

    after = f"；得分 {percent_text(done.before)} → {percent_text(done.after)}"
    waits = f"。{done.month} 已关账，新的评分等待 qa adjust 批准" if done.saved.proposed else ""
    return f"{mark.call_id} 已记下：{mark}{after}{waits}"


def _given(call: str, texts: list[str], withdraw: bool) -> dict[str, Role]:
    """The roles by speaker.  Errors: :class:`StoreError` for text of another form."""
    if withdraw == bool(texts):
        example = "qa roles set 通话 spk0=agent spk1=customer --by 姓名 --reason 理由"
        raise StoreError(call, "要么写出说话人的角色，要么 --withdraw", f"例：{example}")
    found: dict[str, Role] = {}
    for text in texts:
        speaker, _, role = text.partition("=")
        if role not in (r.value for r in Role) or not speaker or speaker in found:
            known = "、".join(r.value for r in Role if r is not Role.UNKNOWN)
            raise StoreError(text, "不是 说话人=角色，或同一个说话人写了两次", f"角色可用：{known}")
        found[speaker] = Role(role)
    return found
