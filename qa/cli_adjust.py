"""``qa adjust``: what is proposed in closed months made to stand, or refused; who and why is kept and logged."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from qa.cli_common import DB_DEFAULT, Db, Json, out, print_json
from qa.cli_logged import changed
from qa.cli_rescore import PROPOSED, By
from qa.cli_show import masked
from qa.errors import StoreError
from qa.export import mask_name
from qa.report_text import percent_text

if TYPE_CHECKING:
    from qa.ledger_cards import Adjustment
    from qa.store import Store
    from qa.withdrawals import Withdrawal


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(adjust)


def adjust(
    by: By,
    reason: Annotated[str, typer.Option("--reason", help="调整的理由，记入数据库", metavar="TEXT")],
    call: Annotated[str | None, typer.Argument(help="通话编号", metavar="CALL")] = None,
    month: Annotated[str | None, typer.Option("--month", help="一次批准这个月所有待批准的评分，如 2025-06", metavar="MONTH")] = None,
    scorecard: Annotated[int | None, typer.Option("--scorecard", help="评分编号；默认最新的待批准评分", metavar="ID")] = None,
    refuse: Annotated[bool, typer.Option("--refuse", help="不批准：评分和计不计入都照旧，同样的不再提议")] = False,
    db: Db = DB_DEFAULT,
    as_json: Json = False,
) -> None:
    """批准（或用 --refuse 驳回）一通电话的新评分或撤回，或批准一个月的，用于已关账的月份；记下谁、为什么（decide on what is proposed）。"""
    from qa.store import Store

    if (call is None) == (month is None) or (month is not None and scorecard is not None):
        raise StoreError("qa adjust", "应写一通电话，或用 --month 写一个月份", "请写 qa adjust 通话 …，或 qa adjust --month 2025-06 …")
    if refuse and (call is None or scorecard is not None):
        raise StoreError("qa adjust", "--refuse 只用于一通电话，不与 --month、--scorecard 一起写", "请写 qa adjust 通话 --refuse …")
    with Store(db, create=False) as store:
        if refuse:
            _refuse(store, call or "", by, reason, as_json)
            return
        with store.db.writing():
            withdrawn, made = _confirmed(store, call, month, by, reason, scorecard)
            _log(store, by, withdrawn, made)
            after = _counted_after(store, withdrawn, made)
        rows = [_adjusted(store, one) for one in made]
    if as_json:
        print_json(_json(call, withdrawn, made, rows))
    else:
        _show(call, withdrawn, made, rows, after)


def _json(
    call: str | None, withdrawn: Sequence[Withdrawal], made: Sequence[Adjustment], rows: Sequence[dict[str, Any]]
) -> list[dict[str, Any]] | dict[str, Any]:
    """Of a month all that was decided; of a call what was decided of it, and beside it what was decided together with it."""
    told = [*({"withdrawal": masked(one, "")} for one in withdrawn), *rows]
    if call is None:
        return told
    first = _of_calls(withdrawn, made).index(call)
    rest = [one for place, one in enumerate(told) if place != first]
    return told[first] | ({"together": rest} if rest else {})


def _of_calls(withdrawn: Sequence[Withdrawal], made: Sequence[Adjustment]) -> list[str]:
    return [*(one.call_id for one in withdrawn), *(one.call_id for one in made)]


def _show(
    call: str | None, withdrawn: Sequence[Withdrawal], made: Sequence[Adjustment], rows: Sequence[dict[str, Any]], after: int
) -> None:
    _show_together("批准", call, withdrawn, made)
    for one, row in zip(made, rows, strict=True):
        old = "此前没有有效的评分" if one.before is None else f"原评分 {one.before}：{percent_text(row['percent_before'])}"
        now = f"{one.call_id} 的评分 {one.after} 已生效：{percent_text(row['percent_after'])}"
        out().print(f"{now}（{old}；{one.by}，{one.reason}）", markup=False, soft_wrap=True)
    if after:
        out().print(f"先警告的次数因此改变：{after} 通{PROPOSED}", markup=False, soft_wrap=True)


def _show_together(what: str, call: str | None, withdrawn: Sequence[Withdrawal], made: Sequence[Adjustment]) -> None:
    together = [mask_name(one) for one in dict.fromkeys(_of_calls(withdrawn, made)) if call is not None and one != call]
    if together:
        out().print(f"同一录音的更正是一个决定，一并{what}：{'、'.join(together)}", markup=False, soft_wrap=True)
    for one in withdrawn:
        out().print(f"{mask_name(one.call_id)} {mask_name(str(one))}", markup=False, soft_wrap=True)


def _refuse(store: Store, call: str, by: str, reason: str, as_json: bool) -> None:
    from qa import ledger_closing

    with store.db.writing():
        withdrawn, made = ledger_closing.refuse(store, [call], by, reason)
        _log(store, by, withdrawn, made, refused=True)
    rows = [_adjusted(store, one) for one in made]
    if as_json:
        print_json(_json(call, withdrawn, made, rows))
        return
    _show_together("驳回", call, withdrawn, made)
    for one, row in zip(made, rows, strict=True):
        told = f"{one.call_id} 的新评分已驳回，评分 {one.after} 仍然有效：{percent_text(row['percent_after'])}（{one.by}，{one.reason}）"
        out().print(told, markup=False, soft_wrap=True)


def _decided(
    store: Store, call: str | None, month: str | None, by: str, reason: str, scorecard: int | None
) -> tuple[tuple[Withdrawal, ...], tuple[Adjustment, ...]]:
    """What was made to stand of a call, with all that is one decision with it; or of a month."""
    from qa import ledger_closing

    if call is None:
        return store.adjust_month(month or "", by, reason)
    return ledger_closing.decide(store, [call], by, reason, scorecard)


def _confirmed(
    store: Store, call: str | None, month: str | None, by: str, reason: str, scorecard: int | None
) -> tuple[tuple[Withdrawal, ...], tuple[Adjustment, ...]]:
    """The same, where it charges nobody for what no person has confirmed."""
    from qa.appraisal import closing, correcting

    asked = [call] if call is not None else [one.call_id for one in closing.proposals(store, month or "", limit=sys.maxsize)]
    waits = correcting.of_calls(store, asked)
    withdrawn, made = _decided(store, call, month, by, reason, scorecard)
    correcting.check(store, month or call or "", waits, _of_calls(withdrawn, made))
    return withdrawn, made


def _log(store: Store, by: str, withdrawn: Sequence[Withdrawal], made: Sequence[Adjustment], **told: object) -> None:
    """A row for each call that was decided on."""
    from qa.ledger_closing import places

    cards = {one.call_id: one.after for one in made}
    for call_id in dict.fromkeys(_of_calls(withdrawn, made)):
        month = next((month for _, month in sorted(places(store, call_id))), "")
        changed(store, by, "month.adjust", "call", call_id, month=month, scorecard=cards.get(call_id, ""), **told)


def _counted_after(store: Store, withdrawn: Sequence[Withdrawal], made: Sequence[Adjustment]) -> int:
    """First warnings counted again where calls count no more, or others do, or others were broken: how many scorecards are proposed by
    that."""
    from qa.ledger_closing import places
    from qa.review.recounting import counted_again

    concerned = _of_calls(withdrawn, made)
    by = [*(one.by for one in withdrawn), *(one.by for one in made)][0]
    found = counted_again(store, {place for one in concerned for place in places(store, one)}, by, "先警告的次数重算（调整后）")
    return sum(moved.proposed for moved in found.moved)


def _adjusted(store: Store, made: Adjustment) -> dict[str, Any]:
    percents = {kept.id: kept.scorecard.percent for kept in store.history(made.call_id)}
    before = percents[made.before] if made.before is not None else None
    return {"adjustment": made, "percent_before": before, "percent_after": percents[made.after]}
