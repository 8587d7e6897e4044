"""What persons called grave (情节严重): kept with name and reason, only ever added to.

No program can see how grave a breach is.  A person says so of a rule in a call, and the fines of that rule are multiplied there
(:mod:`qa.rules.money`).  A mark holds whichever scorecard stands; a later one takes it back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from qa import rows
from qa.books import Books
from qa.clock import house_day
from qa.database import Database
from qa.errors import NotFoundError, StoreError
from qa.rules import money
from qa.rules.money import Mark
from qa.types import Outcome, Scorecard

if TYPE_CHECKING:
    from qa.store import Store


def marks(db: Database, call_id: str | None = None) -> tuple[Mark, ...]:
    """All marks, or those of one call, in the order in which they were made."""
    found = db.rows("select * from grave_marks where ? is null or call_id = ? order by id", call_id, call_id)
    return tuple(Mark(r["call_id"], r["rule_id"], r["made_by"], r["reason"], r["created"], bool(r["grave"])) for r in found)


def insert(db: Database, mark: Mark) -> None:
    """Add a mark that :func:`check` let pass, inside the same transaction."""
    row = {"call_id": mark.call_id, "rule_id": mark.rule_id, "made_by": mark.by, "reason": mark.reason}
    db.insert("grave_marks", row | {"created": mark.created, "grave": int(mark.grave)})


def left_behind(db: Database, call_id: str, file: str) -> None:
    """Take back the marks of a call that is another recording's (``file``) from now on: nobody has called grave what is heard there.

    Inside a transaction of the caller's.
    """
    for mark in money.in_force(marks(db, call_id)).values():
        insert(db, new(call_id, mark.rule_id, "qa", f"该通话现在是另一个录音 {file}，请重新认定", False))


def new(call_id: str, rule_id: str, by: str, reason: str, grave: bool) -> Mark:
    """A mark of this moment.  Errors: :class:`StoreError` where name or reason is missing."""
    for text, cause, cure in ((by, "没有写由谁认定", "请加 --by 姓名"), (reason, "没有写认定的理由", "请加 --reason 理由")):
        if not text.strip():
            raise StoreError(call_id, cause, cure)
    return Mark(call_id, rule_id, by.strip(), reason.strip(), rows.now_utc(), grave)


def told(mark: Mark) -> str:
    """What a mark says, in short."""
    return f"{'认定' if mark.grave else '撤回'} {mark.call_id} 的规则 {mark.rule_id} 情节严重：{mark.reason}"


def check(store: Store, mark: Mark, closed_month: bool) -> None:
    """Whether ``mark`` may be added; taking back asks for nothing but a mark in force, whatever stands by now.

    ``closed_month``: consent that the money of a closed month changes.
    Errors: :class:`NotFoundError` for an unknown call or rule, :class:`StoreError` where the rule was not breached, its fine has no
    multiples, the mark says what is in force already, or consent is missing.
    """
    card, subject = store.scorecard(mark.call_id), f"{mark.call_id} 的规则 {mark.rule_id}"
    known = money.in_force(store.marks(mark.call_id)).get((mark.call_id, mark.rule_id))
    if mark.grave:
        _breached(card, mark.rule_id, subject)
        _multiplied(store, card, mark.rule_id, subject)
        if known is not None:
            cause = f"已由 {known.by} 于 {house_day(known.created)} 认定为情节严重"
            raise StoreError(subject, cause, "不需要再次认定；要撤回请加 --withdraw")
    elif known is None:
        raise StoreError(subject, "现在没有认定为情节严重，无可撤回", "请用 qa show 核对通话和规则")
    month = store.closed_month_of(mark.call_id)
    if month is not None and not closed_month:
        raise StoreError(subject, f"通话在已关账的 {month}，这会改变该月的罚款", "确实要改，请加 --closed-month")


def _breached(card: Scorecard, rule_id: str, subject: str) -> None:
    outcome = next((result.outcome for result in card if result.check_id == rule_id), None)
    if outcome is Outcome.FAIL:
        return
    failed = "、".join(f"{result.check_id}（{result.title}）" for result in card if result.outcome is Outcome.FAIL)
    cure = f"这通电话违反的规则：{failed}" if failed else "这通电话没有违反任何规则"
    if outcome is None:
        raise NotFoundError(subject, "现有的评分里没有这条规则", cure)
    raise StoreError(subject, "现有的评分没有判为违反，不能认定情节严重", cure)


def _multiplied(store: Store, card: Scorecard, rule_id: str, subject: str) -> None:
    made = card.provenance
    book = Books(store).known(made)
    if book is None:
        cause = f"数据库里没有评分时的规则书 {made.rule_book} {made.rule_book_version}，不知罚款有没有加倍"
        raise StoreError(subject, cause, "请先用 qa rescore --profile 规则书 重新评分")
    rule = book.rule(rule_id)
    if rule is None or rule.fine is None or rule.fine.grave is None:
        cause = f"规则书 {book.id} {book.stamp} 里，这条规则没有情节严重加倍的罚款"
        raise StoreError(subject, cause, "不需要认定：认定不会改变罚款")
