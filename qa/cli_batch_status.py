"""``qa batch status``: what runs, what ran, and what is in quarantine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from qa.cli_common import DB_DEFAULT, Db, Json, error_line, out, print_json, table
from qa.clock import house_minute
from qa.errors import QaError

if TYPE_CHECKING:
    from qa.store import Store


def status(
    runs: Annotated[int, typer.Option("--runs", min=1, help="列出最近多少次运行")] = 5,
    db: Db = DB_DEFAULT,
    as_json: Json = False,
) -> None:
    """正在进行和最近的批处理，以及被隔离的录音（what runs, what ran, what is in quarantine）。"""
    from qa.batch.lock import is_held
    from qa.store import Store

    with Store(db, create=False) as store:
        found = _status(store, is_held(db), runs)
    if as_json:
        print_json(found)
        return
    console = out()
    console.print("正在运行" if found["running"] else "没有批处理在运行")
    made = table("开始", "状态", "文件", "评分", "未评分", "用时（秒）", right=("文件", "评分", "未评分", "用时（秒）"))
    for row in found["runs"]:
        figures = row["report"] or row["progress"] or {}
        through, scored = figures.get("through", 0), figures.get("scored", 0)
        cells = (figures.get("files", ""), scored, through - scored, figures.get("seconds", ""))
        made.add_row(house_minute(row["started"]), _STATES[row["state"]], *map(str, cells))
    console.print(made)
    for one in found["quarantine"]:
        line = QaError(one.path, one.cause, f"第 {one.attempts} 次，最近 {house_minute(one.last)}")
        console.print(error_line(line), soft_wrap=True)


_STATES = {"running": "进行中", "cut off": "被中断", "done": "完成", "stopped": "中途停止"}


def _status(store: Store, running: bool, limit: int) -> dict[str, Any]:
    rows = []
    for k, run in enumerate(store.batches.runs(limit)):
        # only the newest can be the one that holds the lock; any other was killed
        state = run.state if run.state != "running" or (running and k == 0) else "cut off"
        rows.append(
            {"id": run.id, "started": run.started, "ended": run.ended, "state": state, "progress": run.progress, "report": run.report}
        )
    return {"running": running, "runs": rows, "quarantine": list(store.batches.quarantined())}
