"""The load test decides by the forms of the pages: it must find them, and what it sends must be taken."""

from __future__ import annotations

import importlib.util
import random
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from web_house import House, call_id

from qa.review import appeals

A = call_id("8001", 1)
WHERE = Path(__file__).parents[1] / "benchmarks" / "web_decisions.py"


@pytest.fixture
def load() -> Any:
    spec = importlib.util.spec_from_file_location("web_decisions", WHERE)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    __import__("sys").modules["web_decisions"] = module  # where its data classes look for their module
    spec.loader.exec_module(module)
    return module


def asking(house: House, who: str, found: list[tuple[str, int]]) -> Any:
    browser = house.client(who).client

    def ask(name: str, method: str, path: str, body: str | None) -> tuple[int, bytes, str]:
        headers = {"Origin": "http://127.0.0.1", "Content-Type": "application/x-www-form-urlencoded"}
        answer = browser.request(method, path, content=body, headers=headers if body is not None else {}, follow_redirects=False)
        found.append((name, answer.status_code))
        return answer.status_code, answer.content, answer.headers.get("location", "")

    return ask


@pytest.mark.parametrize("doing", ["confirm", "overturn", "text", "finish"])
def test_a_reviewer_decides_by_the_form_of_the_page(house: House, load: Any, monkeypatch: pytest.MonkeyPatch, doing: str) -> None:
    monkeypatch.setattr(load, "REVIEWED", (doing,))
    monkeypatch.setattr(load, "ANSWERED", 0.0)
    found: list[tuple[str, int]] = []
    assert load.decide("qa", asking(house, "qa", found), lambda: A, random.Random(1))
    what = {"confirm": "verdict", "overturn": "verdict"}.get(doing, doing)
    assert [one for one in found if one[0].startswith("POST")] == [(f"POST /review/{{call_id}}/{what}", 303)]
    assert found[0] == found[-1] == ("/review/{call_id}", 200)
    table = {"text": "text_marks", "finish": "reviews"}.get(doing, "verdicts")
    assert len(house.store.db.rows(f"select 1 from {table} where call_id = ?", A)) == 1


def test_a_lead_and_qa_answer_what_waits_for_them(house: House, load: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    house.publish(A)
    one = appeals.file(house.store, A, "greeting", "8001", "其他", "我说了您好", "李敏", date(2025, 6, 15))
    found: list[tuple[str, int]] = []
    monkeypatch.setattr(load, "ANSWERED", 1.0)
    chance = random.Random(3)
    assert load.decide("lead", asking(house, "lead", found), lambda: None, chance)
    assert ("POST /team/appeals/{appeal_id}", 303) in found and len(appeals.get(house.store.db, one.id).steps) == 1
    assert not load.decide("lead", asking(house, "lead", found), lambda: None, chance), "nothing waits any more"
