"""Publishing scorecards: what agents do not see yet, chosen and shown to them; what was published by mistake is hidden again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import Response

from qa.export import mask_name
from qa.report_text import percent_text
from qa.review import publications
from qa.web import periods
from qa.web.addresses import address
from qa.web.language import translated as _
from qa.web.pages.review import refuse_without_calls, signed

if TYPE_CHECKING:
    from qa.web.ask import Ask, Problem

ROWS = 200


def page(ask: Ask) -> Response:
    """What waits."""
    return _page(ask)


def _page(ask: Ask, refused: Problem | None = None) -> Response:
    period, team = periods.asked(ask.query), ask.query.text("team")
    only = ask.query.text("reviewed") == "1"
    shown = publications.waiting(ask.store.db, period.since, period.until, team or None, ROWS, reviewed=only) if not period.bad else ()
    numbers = ask.store.db.rows(
        f"select call_id, customer_number from calls where call_id in ({', '.join('?' * len(shown))})", *(one.call_id for one in shown)
    )
    known = {row["call_id"]: row["customer_number"] or "" for row in numbers}
    return ask.render(
        "web/review/publish.html.j2",
        400 if refused is not None or period.bad else 200,
        title=_("公布成绩"),
        rows=[(one, mask_name(one.call_id, known.get(one.call_id, "")), _(percent_text(one.percent))) for one in shown],
        period=period,
        team=team,
        only=only,
        full=len(shown) >= ROWS,
        rows_most=ROWS,
        problem=refused.text if refused is not None else "",
    )


def publish(ask: Ask) -> Response:
    """Show the chosen calls to their agents."""
    calls, on = publications.chosen(ask.store.db, ask.form.all("listed" if ask.form.text("all") == "1" else "call"))
    refuse_without_calls(calls)

    def published() -> Response:
        made = publications.publish(ask.store, calls, signed(ask), ask.form.text("note")[:500], on)
        for one in made:
            ask.audit("call.publish", "call", one.call_id, scorecard=one.scorecard_id)
        return ask.redirect(address("/publish"), notice=_("已公布 {n} 通", n=len(made)))

    return ask.attempt(published, lambda problem: _page(ask, problem))


def retract(ask: Ask) -> Response:
    """Hide one call from its agent again."""
    call_id = ask.params["call_id"]
    made = publications.retract(ask.store, [call_id], signed(ask), ask.form.text("note")[:500])
    ask.audit("call.retract", "call", call_id, publications=len(made))
    return ask.redirect(address("/review/{call_id}", call_id=call_id), notice=_("已撤回公布，坐席看不到了"))
