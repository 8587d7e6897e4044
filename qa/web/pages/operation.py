"""Health for the machines that watch, figures for Prometheus, and the administrator's page of both."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from qa.operation import backup, health, metrics, purge
from qa.operation.retention import KINDS
from qa.people import audit
from qa.rows import from_json
from qa.web.language import translated as _
from qa.web.refusals import Refused

if TYPE_CHECKING:
    from qa.web.ask import Ask

SHOWN = 20
"""Purges on the page."""


def live(request: Request) -> Response:
    """The process answers: nothing else is asked, so that a slow disk does not get it killed."""
    return PlainTextResponse("ok\n")


def live_page(ask: Ask) -> Response:
    """Never asked: :func:`live` answers."""
    raise Refused(404)


def ready(ask: Ask) -> Response:
    """Whether people can be sent here; names of what is wrong, nothing else.  Work in the background that is down is named as well, but
    keeps nobody away: pages are answered, only what they show is not kept up to date."""
    wrong, down = health.problems(ask.store), _down(ask)
    return PlainTextResponse("".join(f"{name}\n" for name in (*wrong, *down)) or "ok\n", 503 if wrong else 200)


def _down(ask: Ask) -> list[str]:
    return [f"{name}-down" for name, works in ask.request.app.state.figures.keepers().items() if not works]


def figures(ask: Ask) -> Response:
    """Of this process and its database."""
    return Response(ask.request.app.state.figures.text(), headers={"Content-Type": metrics.CONTENT_TYPE})


def page(ask: Ask) -> Response:
    """State, sizes, and what was purged, with whether its proof holds."""
    sizes = health.sizes(ask.store.path)
    ask.audit("operation.view", "operation", "")
    return ask.render(
        "web/operation/operation.html.j2",
        title=_("运行"),
        wrong=[*health.problems(ask.store), *_down(ask)],
        sizes=[(_("数据库"), _mib(sizes.database)), (_("日志文件"), _mib(sizes.log)), (_("磁盘剩余"), _mib(sizes.free))],
        head=audit.head(ask.store.db),
        backup=_backup(ask),
        purges=[_purge(ask, row) for row in ask.store.db.rows(_PURGES, SHOWN)],
    )


def state(ask: Ask) -> dict[str, object]:
    """For the administrator's start page: whether all is well, what room is left, the newest backup and the newest purge."""
    newest = ask.store.db.rows("select started from purges order by id desc limit 1")
    return {
        "wrong": [*health.problems(ask.store), *_down(ask)],
        "free": _mib(health.sizes(ask.store.path).free),
        "backup": _backup(ask),
        "purged": newest[0]["started"] if newest else "",
    }


def _backup(ask: Ask) -> dict[str, object]:
    """The newest backup, and what there is to say of it: none, late, never restored on trial."""
    made = backup.newest(ask.store)
    late = made is None or made.late(ask.now)
    return {"made": made, "late": late, "hours": backup.LATE // timedelta(hours=1)}


_PURGES = """select p.id, p.started, p.made_by, e.ended, e.sums_json, e.wiped_json from purges p
  left join purge_ends e on e.purge_id = p.id order by p.id desc limit ?"""


def _purge(ask: Ask, row: dict[str, object]) -> dict[str, object]:
    """``proved``: the audit log was told of these very proofs."""
    sums = from_json(str(row["sums_json"]), dict[str, dict[str, object]]) if row["ended"] else {}
    wiped = bool(row["ended"]) and from_json(str(row["wiped_json"]), dict[str, bool])["wiped"]
    deleted = [(KINDS.get(kind, kind), of["count"]) for kind, of in sums.items() if of["count"]]
    proved = bool(row["ended"]) and purge.check(ask.store, int(str(row["id"])))
    return {"id": row["id"], "started": row["started"], "by": row["made_by"], "deleted": deleted, "wiped": wiped, "proved": proved}


def _mib(size: int) -> str:
    return f"{size / 2**20:,.0f} MiB"
