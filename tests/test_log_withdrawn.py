"""Calls that were withdrawn are not what a check over the call log takes for recorded and scored."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

from stored_calls import call, record, save, scorecard
from switch_samples import cdr, put, written

from qa.store import Store
from qa.switch import log


def test_a_withdrawn_call_is_neither_recorded_nor_scored(tmp_path: Path) -> None:
    with Store(tmp_path / "t.db") as store:
        put(store, written(tmp_path, "a.csv", cdr(uniqueid="1714525200.1") + cdr(uniqueid="1714525200.2", sequence=1)))
        save(store, "1714525200.1")
        one = call("1714525200.1")
        again = replace(one, record=record("1714525200.2", "8001"))
        store.save_call(again, scorecard(again, "1714525200.2"))
        day = date(2024, 5, 1)
        found = log.load(store, day, day)
        assert found.recorded == found.scored == {"1714525200.1", "1714525200.2"}
        store.withdrawals.settle(Path(one.audio.path), one.audio.sha256, ["1714525200.2"], True)
        found = log.load(store, day, day)
        assert found.recorded == found.scored == {"1714525200.2"}
        store.withdrawals.settle(Path(one.audio.path), one.audio.sha256, ["1714525200.1"], True)
        assert log.load(store, day, day).recorded == {"1714525200.1"}
