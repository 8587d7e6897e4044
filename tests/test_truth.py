"""Truth files: what is read of them, and how what is wrong is named."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from qa.errors import TruthError
from qa.truth import Truth, TruthChannel, TruthFault, TruthInterruption, TruthSound, read_truth
from qa.types import Outcome, Role, Span

PASS, OPEN = Outcome.PASS, Outcome.INCONCLUSIVE


def folder(path: Path, *lines: object) -> Path:
    (path / "truth.jsonl").write_text("\n".join(v if isinstance(v, str) else json.dumps(v, ensure_ascii=False) for v in lines), "utf-8")
    return path


def test_read_truth_keeps_every_part(tmp_path: Path) -> None:
    line: dict[str, Any] = {
        "file": "a.wav", "verdicts": {"greeting": "pass", "pickup": "inconclusive"}, "measures": {"rate_cpm": 170, "rings": 2},
        "turns": [{"role": "customer", "start_ms": 900, "end_ms": 1000, "text": "喂"}, {"role": "agent", "start_ms": 0, "end_ms": 500,
                                                                                 "text": "您好"}],
        "faults": [{"check": "greeting", "start_ms": 0, "end_ms": 10, "what": "未报"}], "near": [{"anything": 1}],
    }  # fmt: skip
    (truth, bare) = read_truth(folder(tmp_path, line, {"file": "b.wav", "measures": {"level_dbov": None}}) / "truth.jsonl")
    assert truth.verdicts == (("greeting", PASS), ("pickup", OPEN)) and truth.verdict("closing") is None
    assert [t.text for t in truth.turns] == ["您好", "喂"] and truth.turns[0].role is Role.AGENT
    assert (truth.rate_cpm, truth.level_dbov, truth.rings) == (170.0, None, 2)
    assert truth.faults == (TruthFault("greeting", Span(0, 10), "未报"),)
    assert bare == Truth("b.wav", 2) and bare.interruptions is bare.channels is None


def test_read_truth_keeps_who_is_heard_when(tmp_path: Path) -> None:
    line = {
        "file": "a.wav", "turns": [{**TURN, "text": "喂好", "speaker": "老张", "characters_ms": [[0, 2], [2, 5]]}, {**TURN, "start_ms": 1}],
        "interruptions": [{"by": "agent", "into": "customer", "start_ms": 3, "end_ms": 9}],
        "sounds": [{"what": "music", "start_ms": 10, "end_ms": 20}], "channels": [{"fact": "leak", "channel": 1, "db": -25}],
    }  # fmt: skip
    (truth, none) = read_truth(folder(tmp_path, line, {"file": "b.wav", "interruptions": [], "channels": []}) / "truth.jsonl")
    assert [(t.who, t.characters) for t in truth.turns] == [("老张", (Span(0, 2), Span(2, 5))), ("agent", ())]
    assert truth.interruptions == (TruthInterruption(Role.AGENT, Role.CUSTOMER, Span(3, 9), False),)
    assert truth.sounds == (TruthSound("music", Span(10, 20)),) and truth.channels == (TruthChannel("leak", 1, -25.0),)
    assert none.interruptions == none.channels == ()


TURN = {"role": "agent", "start_ms": 0, "end_ms": 5, "text": "喂"}


@pytest.mark.parametrize(("line", "cause"), [
    ("{file}", "不是 JSON"), ("[1]", "类型不对"), ({}, "缺少 file"), ({"file": 3}, "file 必须是文字"), ({"file": "../a.wav"}, "相对路径"),
    ({"file": "/a.wav"}, "相对路径"), ({"file": "x.wav", "verdict": {}}, "不认识的键"),
    ({"file": "x.wav", "verdicts": {"a": "ok"}}, "verdicts.a"),
    ({"file": "x.wav", "verdicts": {"a": None}}, "verdicts.a"), ({"file": "x.wav", "verdicts": ["a"]}, "verdicts 的类型"),
    ({"file": "x.wav", "turns": {}}, "turns 的类型"), ({"file": "x.wav", "turns": [{**TURN, "role": "boss"}]}, "boss"),
    ({"file": "x.wav", "turns": [{**TURN, "start_ms": 6}]}, "晚于"), ({"file": "x.wav", "turns": [{**TURN, "end_ms": 1.5}]}, "整数毫秒"),
    ({"file": "x.wav", "turns": [{**TURN, "start_ms": -1}]}, "整数毫秒"), ({"file": "x.wav", "turns": [{"role": "agent"}]}, "start_ms"),
    ({"file": "x.wav", "measures": {"rate_cpm": "170"}}, "rate_cpm 必须是数字"), ({"file": "x.wav", "measures": {"rings": True}}, "rings"),
    ({"file": "x.wav", "measures": {"rings": 2.5}}, "rings"), ({"file": "x.wav", "measures": {"level_dbov": 3}}, "level_dbov"),
    ({"file": "x.wav", "measures": {"rate_cpm": 0}}, "rate_cpm"), ('{"file": "x.wav", "measures": {"rate_cpm": NaN}}', "NaN"),
    ({"file": "x.wav", "turns": [{**TURN, "characters_ms": [[0, 2], [1]]}]}, "characters_ms"),
    ({"file": "x.wav", "turns": [{**TURN, "characters_ms": [[3, 4], [0, 2]]}]}, "没有按时间排列"),
    ({"file": "x.wav", "turns": [{**TURN, "speaker": 1}]}, "speaker 必须是文字"), ({"file": "x.wav", "channels": [{"fact": "odd"}]}, "odd"),
    ({"file": "x.wav", "channels": [{"fact": "dead", "channel": 2}]}, "0 或 1"), ({"file": "x.wav", "sound": []}, "sounds"),
    ({"file": "x.wav", "interruptions": [{"by": "boss", "into": "agent"}]}, "boss"),
    ({"file": "x.wav", "interruptions": [{"by": "agent", "into": "agent", "start_ms": 0, "end_ms": 1, "backchannel": 1}]}, "true 或"),
    ({"file": "x.wav", "faults": [{"start_ms": 0, "end_ms": 1}]}, "faults 的 check"), ({"file": "first.wav"}, "已经出现"),
])  # fmt: skip
def test_what_is_wrong_is_named_with_file_and_line(tmp_path: Path, line: object, cause: str) -> None:
    path = folder(tmp_path, {"file": "first.wav"}, line) / "truth.jsonl"
    with pytest.raises(TruthError) as caught:
        read_truth(path)
    assert caught.value.subject == f"{path}:2" and cause in str(caught.value) and caught.value.cure


def test_no_truth_file_an_empty_one_and_one_that_is_not_utf8(tmp_path: Path) -> None:
    path = tmp_path / "truth.jsonl"
    with pytest.raises(TruthError, match="没有真值文件"):
        read_truth(path)
    path.write_text("\n\n", "utf-8")
    with pytest.raises(TruthError, match="没有通话"):
        read_truth(path)
    path.write_bytes('{"file": "a.wav"}\n{"file": "坐席.wav"}'.encode("gbk"))
    with pytest.raises(TruthError, match=":2: 不是 UTF-8"):
        read_truth(path)


def test_a_byte_order_mark_and_windows_line_ends_are_fine(tmp_path: Path) -> None:
    path = tmp_path / "truth.jsonl"
    path.write_bytes(b'\xef\xbb\xbf{"file": "a.wav"}\r\n{"file": "b.wav"}\r\n')
    assert [t.file for t in read_truth(path)] == ["a.wav", "b.wav"]
