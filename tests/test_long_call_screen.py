"""The review screen of a long call: twice the turns are twice the work, counted in looks at stretches of time, not in seconds."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import stored_houses
import web_house
from web_house import House, house, house_made  # noqa: F401

from qa import report_view, rulebook
from qa.types import Span
from qa.web.pages import review_view

TURNS = 300


def talked(house: House, call_id: str, turns: int) -> None:  # noqa: F811
    said = ["坐席 0.5-4.5 您好，华宁通信，很高兴为您服务。"]
    for i in range(turns):
        rude = "这个不归我管" if i % 10 == 0 else "好的，我帮您查一下"
        said += [f"客户 {5 + 6 * i}-{7.5 + 6 * i} 我想问第{i}件事，我要投诉。", f"坐席 {8 + 6 * i}-{10.8 + 6 * i} {rude}，请稍等。"]
    web_house.SCRIPTS[call_id] = "\n".join(said)
    folder: Path = house.folder / "recordings"
    folder.mkdir(exist_ok=True)
    call = web_house.call(folder, call_id, "8001", call_id, "2025-06-14T09:00:00.000")
    stored_houses.save(house.store, rulebook.load("default"), call)


@contextmanager
def looks(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """Counts comparisons and overlaps of stretches."""
    counted = [0]
    equal, overlap = Span.__eq__, Span.overlap_ms

    def same(self: Span, other: object) -> bool:
        counted[0] += 1
        return bool(equal(self, other))

    def both(self: Span, other: Span) -> int:
        counted[0] += 1
        return overlap(self, other)

    with monkeypatch.context() as patched:
        patched.setattr(Span, "__eq__", same)
        patched.setattr(Span, "overlap_ms", both)
        yield counted


def test_twice_the_turns_are_twice_the_work(house: House, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    monkeypatch.setattr(web_house, "write_wav", lambda path, script, duration_ms, seed: path.write_bytes(script.encode()))
    monkeypatch.setattr(web_house, "SCRIPTS", dict(web_house.SCRIPTS))
    work = []
    for call_id, turns in (("HN-LONG-1", TURNS), ("HN-LONG-2", 2 * TURNS)):
        talked(house, call_id, turns)
        with looks(monkeypatch) as counted:
            shown = house.client("qa").get(f"/review/{call_id}")
        assert shown.status_code == 200 and shown.text.count('class="fix"') > turns
        work.append(counted[0])
    assert 0 < work[1] < 2.5 * work[0], work


def test_a_stretch_touches_the_same_lines_as_when_each_is_looked_at(house: House) -> None:  # noqa: F811
    call = house.store.call(web_house.call_id("8001", 2))
    said = call.transcript.utterances
    within = report_view._within(said)
    ends = sorted({time for one in said for time in (one.span.start_ms, one.span.end_ms, one.span.end_ms + 1)})
    for start in ends:
        for end in ends:
            if start <= end:
                asked = Span(start, end)
                assert within(asked) == [i for i, one in enumerate(said) if one.span.overlap_ms(asked) > 0]


def test_every_line_has_the_label_of_its_words_as_they_were_heard(house: House) -> None:  # noqa: F811
    call = house.store.call(web_house.call_id("8001", 2))
    label = review_view.labels_as_heard(call)
    heard = {(one.channel, word.span): one.speaker for one in call.as_heard.transcript.utterances for word in one.words}
    assert [label(one) for one in call.transcript.utterances] == [
        heard[one.channel, one.words[0].span] for one in call.transcript.utterances
    ]
