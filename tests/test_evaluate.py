"""``qa evaluate``: figures of small hand-made scorecards that can be counted on the fingers, and truth files that are wrong."""

from __future__ import annotations

import functools
import io
import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import stored_calls
from rich.console import Console

from qa.errors import EmptyAudioError, TruthError
from qa.evaluate import ErrorRate, Evaluation, Scored, ScoredCall, Share, edit_distance, evaluate, evaluate_folder, hanzi
from qa.evaluate_view import as_json, tables
from qa.truth import Truth, TruthFault, TruthTurn
from qa.types import (
    CheckResult,
    Evidence,
    Finding,
    Outcome,
    Provenance,
    Role,
    Roles,
    Scorecard,
    Span,
    SpeakerTurn,
    SpeakerTurns,
    Transcript,
    Utterance,
    Word,
)

PASS, FAIL, NA, OPEN, BROKEN = Outcome.PASS, Outcome.FAIL, Outcome.NOT_APPLICABLE, Outcome.INCONCLUSIVE, Outcome.ERROR


def finding(outcome: Outcome, *spans: tuple[int, int], message: str = "查过了", **values: float) -> Finding:
    evidence = tuple(Evidence(Span(a, b), Role.AGENT) for a, b in spans or [(0, 1000)])
    return Finding(outcome, message, evidence, tuple(values.items()))


def result(check: str, outcome: Outcome, *findings: Finding) -> CheckResult:
    points = {PASS: 1.0, FAIL: 0.0}.get(outcome)
    return CheckResult(check, check, "条款", outcome, 1.0, points, findings or (finding(outcome),))


def scored(*results: CheckResult, said: Sequence[tuple[str, int, str]] = (), spans: Sequence[tuple[str, int, int]] = ()) -> ScoredCall:
    """Agent on ch0, customer on ch1; ``said``: speaker, start, text; ``spans``: speaker, start, end of speech."""
    call = stored_calls.call()
    utterances = tuple(
        Utterance(who, int(who[-1]), Span(start, start + 1000), (Word(text, Span(start, start + 1000), 0.9),)) for who, start, text in said
    )
    turns = tuple(SpeakerTurn(who, int(who[-1]), Span(a, b)) for who, a, b in spans)
    call = replace(call, transcript=Transcript("demo@1", True, utterances), turns=SpeakerTurns("channel", turns))
    card = Scorecard("C", "8001", None, 0.0, results, Provenance("0" * 64, (), "default", "1", "0.1.0", True))
    return ScoredCall(call, card)


def verdicts(*rows: tuple[Outcome | None, Outcome | None]) -> Evaluation:
    """One check over calls of (true, got); got None: the call was not scored; true None: the truth says nothing of it."""
    truths = [Truth(f"{i}.wav", i, () if true is None else (("greeting", true),)) for i, (true, _) in enumerate(rows)]
    return evaluate({f"{i}.wav": scored(result("greeting", got)) for i, (_, got) in enumerate(rows) if got is not None}, truths)


ROWS = [
    (FAIL, FAIL), (FAIL, FAIL), (FAIL, FAIL), (FAIL, PASS), (FAIL, OPEN), (FAIL, None), (PASS, PASS), (PASS, FAIL), (PASS, BROKEN),
    (NA, NA), (NA, PASS), (OPEN, OPEN), (OPEN, BROKEN), (OPEN, PASS), (OPEN, FAIL), (None, FAIL),
]  # fmt: skip


def test_precision_recall_and_ruled_are_those_counted_by_hand() -> None:
    ((check, figures),) = verdicts(*ROWS).checks
    assert check == "greeting"
    assert figures.recall == Share(3, 6), "left open and not scored are not found"
    assert figures.precision == Share(3, 6), "claims: 4 FAIL of measurable calls, and 2 rulings where nobody could tell"
    assert figures.ruled_share == Share(8, 11), "11 measurable: open, broken and not scored are not ruled on"
    assert (figures.ruled, figures.inconclusive) == (10, 5)
    assert figures.agreed == Share(6, 15) and figures.false_rulings == 2


def test_every_disagreement_is_listed_once_with_its_kind() -> None:
    misses = [(m.file, m.kind, m.expected, m.got) for m in verdicts(*ROWS).misses]
    assert misses == [
        ("3.wav", "missed_fail", "fail", "pass"), ("4.wav", "missed_fail", "fail", "inconclusive"),
        ("5.wav", "missed_fail", "fail", "not_scored"), ("7.wav", "false_fail", "pass", "fail"),
        ("8.wav", "not_ruled", "pass", "error"), ("10.wav", "other", "not_applicable", "pass"),
        ("13.wav", "false_ruling", "inconclusive", "pass"), ("14.wav", "false_ruling", "inconclusive", "fail"),
    ]  # fmt: skip


def test_a_perfect_program_has_no_misses() -> None:
    evaluation = verdicts((FAIL, FAIL), (PASS, PASS), (NA, NA), (OPEN, OPEN))
    figures = evaluation.checks[0][1]
    assert figures.precision.value == figures.recall.value == figures.ruled_share.value == 1.0
    assert evaluation.misses == () and figures.inconclusive == 1


def test_the_message_of_a_miss_is_the_finding_of_the_outcome() -> None:
    card = scored(result("greeting", FAIL, finding(PASS, message="时间合格"), finding(FAIL, message="没有工号")))
    (miss,) = evaluate({"a.wav": card}, [Truth("a.wav", 1, (("greeting", PASS),))]).misses
    assert miss.message == "没有工号"


def test_nothing_to_divide_by_is_none_not_one() -> None:
    figures = verdicts((PASS, PASS)).checks[0][1]
    assert figures.precision.value is None and figures.recall.value is None and figures.recall.low is None


def test_checks_of_the_truth_that_no_rule_book_ran_are_skipped_and_said() -> None:
    truth = Truth("a.wav", 1, (("greeting", PASS), ("empathy", FAIL)))
    evaluation = evaluate({"a.wav": scored(result("greeting", PASS))}, [truth])
    assert [check for check, _ in evaluation.checks] == ["greeting"] and evaluation.skipped == ("empathy",)


def two_rules() -> Evaluation:
    """Two calls and two rules, each wrong in one way; of a third rule the truth says nothing."""
    truths = [Truth("b.wav", 1, (("greeting", PASS), ("closing", FAIL))), Truth("a.wav", 2, (("greeting", FAIL), ("closing", PASS)))]
    cards = {"a.wav": scored(result("greeting", OPEN), result("closing", FAIL), result("tone", PASS)),
             "b.wav": scored(result("greeting", FAIL), result("closing", FAIL), result("tone", FAIL))}  # fmt: skip
    return evaluate(cards, truths)


def test_misses_stand_call_by_call_in_the_order_of_the_truth() -> None:
    misses = [(m.file, m.check, m.kind) for m in two_rules().misses]
    assert misses == [("b.wav", "greeting", "false_fail"), ("a.wav", "greeting", "missed_fail"), ("a.wav", "closing", "false_fail")]


def test_the_total_is_the_sum_over_the_rules() -> None:
    total = two_rules().total
    assert total is not None
    assert (total.precision, total.recall, total.ruled_share) == (Share(1, 3), Share(1, 2), Share(3, 4))
    assert (total.ruled, total.inconclusive, total.agreed) == (3, 1, Share(1, 4))
    assert evaluate({}, [Truth("a.wav", 1)]).total is None


def test_rules_of_which_the_truth_says_nothing_are_named() -> None:
    evaluation = two_rules()
    assert evaluation.untold == ("tone",) and as_json(evaluation)["untold"] == ["tone"]
    assert as_json(evaluation)["total"]["claims"] == 3
    console = Console(file=io.StringIO(), width=220)
    console.print(tables(evaluation)[0])
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert "真值没有、未比较的检查项：tone" in text and "合计" in text and "33.3% (1/3" in text


@pytest.mark.parametrize(("part", "whole", "low"), [
    (150, 150, 0.05 ** (1 / 150)), (1, 1, 0.05), (1, 20, 1 - 0.95 ** (1 / 20)), (0, 9, 0.0),
])  # fmt: skip
def test_lower_bound_is_clopper_pearson_one_sided(part: int, whole: int, low: float) -> None:
    """Closed forms: all of n, 0.05^(1/n); one of n, 1 - 0.95^(1/n)."""
    assert Share(part, whole).low == pytest.approx(low, rel=1e-9)


# ---------------------------------------------------------------- places of faults


def test_evidence_has_to_touch_the_true_fault() -> None:
    faults = (TruthFault("banned_phrases", Span(5000, 6000), "不归我管"), TruthFault("banned_phrases", Span(9000, 9500), "烦死了"))
    truth = Truth("a.wav", 1, (("banned_phrases", FAIL),), faults=faults)
    findings = (finding(FAIL, (5900, 6300)), finding(FAIL, (20000, 21000), message="别处"))
    evaluation = evaluate({"a.wav": scored(result("banned_phrases", FAIL, *findings))}, [truth])
    assert evaluation.checks[0][1].fault_spans == Share(1, 2)
    assert [(m.kind, m.expected, m.got) for m in evaluation.misses] == [
        ("fault_span", "9000-9500", "5900-6300, 20000-21000"), ("stray_evidence", "5000-6000, 9000-9500", "20000-21000"),
    ]  # fmt: skip


def test_a_fault_without_length_counts_where_it_lies() -> None:
    truth = Truth("a.wav", 1, (("pickup", FAIL),), faults=(TruthFault("pickup", Span(0, 0), "四声"),))
    evaluation = evaluate({"a.wav": scored(result("pickup", FAIL, finding(FAIL, (0, 0))))}, [truth])
    assert evaluation.checks[0][1].fault_spans == Share(1, 1)


def test_faults_of_a_call_that_was_not_failed_are_a_matter_of_recall() -> None:
    truth = Truth("a.wav", 1, (("pickup", FAIL),), faults=(TruthFault("pickup", Span(0, 9), "四声"),))
    figures = evaluate({"a.wav": scored(result("pickup", PASS))}, [truth]).checks[0][1]
    assert figures.fault_spans == Share(0, 0) and figures.recall == Share(0, 1)


# ---------------------------------------------------------------- words


@functools.cache
def by_definition(a: str, b: str) -> int:
    if not a or not b:
        return len(a) + len(b)
    return min(by_definition(a[1:], b) + 1, by_definition(a, b[1:]) + 1, by_definition(a[1:], b[1:]) + (a[0] != b[0]))


def test_edit_distance_is_the_recursive_definition() -> None:
    rng = np.random.default_rng(0)
    for _ in range(200):
        a, b = ("".join(rng.choice(list("一二三"), rng.integers(0, 8))) for _ in range(2))
        assert edit_distance(a, b) == by_definition(a, b)


def turn(role: Role, start: int, end: int, text: str) -> TruthTurn:
    return TruthTurn(role, Span(start, end), text)


def test_character_error_rate_by_role_and_in_total() -> None:
    """Agent: 4 characters of 9 wrong (one each substituted and invented, two lost); customer: none of 4."""
    truth = Truth("a.wav", 1, turns=(
        turn(Role.AGENT, 0, 900, "您好，工号。"), turn(Role.CUSTOMER, 1000, 1900, "我要退货"), turn(Role.AGENT, 2000, 2900, "请稍等一会"),
    ))  # fmt: skip
    # The utterances come unsorted, and the customer's words between the agent's must not be mixed in.
    said = [("ch0", 2000, "请少等啊"), ("ch1", 1000, "我要退货！"), ("ch0", 0, "您好工号")]
    words = evaluate({"a.wav": scored(said=said)}, [truth]).words
    expected = edit_distance("请稍等一会", "请少等啊")
    assert expected == 3
    assert dict(words.characters) == {"agent": ErrorRate(3, 9), "customer": ErrorRate(0, 4), "total": ErrorRate(3, 13)}
    assert dict(words.characters)["agent"].value == pytest.approx(1 / 3)


def test_homophones_are_wrong_characters_and_right_syllables() -> None:
    truth = Truth("a.wav", 1, turns=(turn(Role.AGENT, 0, 900, "公式攻势"),))
    words = evaluate({"a.wav": scored(said=[("ch0", 0, "工事公事")])}, [truth]).words
    assert dict(words.characters)["agent"] == ErrorRate(4, 4)
    assert dict(words.syllables)["agent"] == ErrorRate(0, 4)


def test_digits_are_compared_as_read_and_traditional_as_simplified() -> None:
    assert hanzi("工号8001，幾歲？VIP") == hanzi("工号八零零幺几岁")


def test_words_of_a_role_that_said_nothing_are_invented() -> None:
    truth = Truth("a.wav", 1, turns=(turn(Role.AGENT, 0, 900, "您好"),))
    words = evaluate({"a.wav": scored(said=[("ch0", 0, "您好"), ("ch1", 0, "谢谢")])}, [truth]).words
    assert dict(words.characters)["customer"] == ErrorRate(2, 0) and dict(words.characters)["customer"].value is None
    assert dict(words.characters)["total"].value == 1.0


def test_a_call_without_roles_counts_as_a_whole() -> None:
    truth = Truth("a.wav", 1, turns=(turn(Role.AGENT, 0, 900, "您好"), turn(Role.CUSTOMER, 1000, 1900, "你好啊")))
    card = scored(said=[("ch0", 1000, "你好啊"), ("ch0", 0, "您好")])
    card = replace(card, call=replace(card.call, roles=Roles(())))
    assert dict(evaluate({"a.wav": card}, [truth]).words.characters) == {"unknown": ErrorRate(0, 5), "total": ErrorRate(0, 5)}


def test_calls_in_which_nobody_could_tell_are_left_out_of_the_clear_rate() -> None:
    turns = (turn(Role.AGENT, 0, 900, "您好"),)
    truths = [Truth("a.wav", 1, (("greeting", OPEN),), turns), Truth("b.wav", 2, (("greeting", PASS),), turns)]
    words = evaluate({"a.wav": scored(), "b.wav": scored(said=[("ch0", 0, "您好")])}, truths).words
    assert dict(words.characters)["total"] == ErrorRate(2, 4) and words.clear == ErrorRate(0, 2)


# ---------------------------------------------------------------- measures


def measured(**values: float) -> ScoredCall:
    checks = {"rate_cpm": "speech_rate", "level_dbov": "volume", "rings": "pickup"}
    return scored(*(result(checks[name], PASS, finding(PASS), finding(PASS, **{name: value})) for name, value in values.items()))


def test_errors_of_rate_level_and_rings() -> None:
    truths = [
        Truth("a.wav", 1, rate_cpm=200.0, level_dbov=-25.0, rings=3),
        Truth("b.wav", 2, rate_cpm=160.0, level_dbov=-30.0, rings=2),
        Truth("c.wav", 3, rate_cpm=150.0),
        Truth("d.wav", 4),
    ]
    cards = {
        "a.wav": measured(rate_cpm=206, level_dbov=-25.5, rings=3),
        "b.wav": measured(rate_cpm=156, level_dbov=-29.7, rings=3),
        "c.wav": scored(result("speech_rate", OPEN)),
        "d.wav": measured(rate_cpm=1),
    }
    evaluation = evaluate(cards, truths)
    assert evaluation.rate_percent.values == pytest.approx((3.0, -2.5)) and evaluation.rate_percent.missing == 1
    assert evaluation.level_db.values == pytest.approx((-0.5, 0.3)) and evaluation.level_db.missing == 0
    assert evaluation.rings == Share(1, 2)
    assert evaluation.rate_percent.summary() == {
        "n": 2, "missing": 1, "mean": pytest.approx(0.25), "median_abs": pytest.approx(2.75), "p95_abs": pytest.approx(2.975),
        "max_abs": pytest.approx(3.0),
    }  # fmt: skip


def test_turn_times_are_those_of_the_outer_spans_of_the_role() -> None:
    truth = Truth("a.wav", 1, turns=(turn(Role.AGENT, 1000, 3000, "甲"), turn(Role.CUSTOMER, 2000, 4000, "乙"),
                                     turn(Role.AGENT, 5000, 6000, "丙"), turn(Role.AGENT, 8000, 9000, "丁")))  # fmt: skip
    spans = [("ch0", 1020, 1800), ("ch0", 1900, 2970), ("ch1", 1950, 4010), ("ch0", 5040, 5990)]
    evaluation = evaluate({"a.wav": scored(spans=spans)}, [truth])
    assert sorted(evaluation.turn_starts_ms.values) == [-50, 20, 40]
    assert sorted(evaluation.turn_ends_ms.values) == [-30, -10, 10]
    assert evaluation.turn_starts_ms.missing == 1


def test_an_edge_that_speech_runs_over_is_not_counted() -> None:
    truth = Truth("a.wav", 1, turns=(turn(Role.AGENT, 1000, 2000, "甲"), turn(Role.AGENT, 2200, 3000, "乙")))
    evaluation = evaluate({"a.wav": scored(spans=[("ch0", 1000, 3010)])}, [truth])
    assert evaluation.turn_starts_ms.values == (0,) and evaluation.turn_ends_ms.values == (10,)


# ---------------------------------------------------------------- output


def test_json_has_the_agreed_form() -> None:
    data = json.loads(json.dumps(as_json(verdicts(*ROWS))))
    check = data["checks"]["greeting"]
    assert (check["precision"], check["recall"], check["ruled"], check["inconclusive"]) == (0.5, 0.5, 10, 5)
    assert (check["true_fails"], check["found_fails"], check["claims"], check["false_rulings"]) == (6, 3, 6, 2)
    assert data["asr"]["cer"] is None and set(data["measures"]) >= {"rate_percent", "level_db", "rings"}
    assert data["demo"] is True and data["files"] == 16 and len(data["misses"]) == 8


def test_tables_show_the_figures_and_every_miss() -> None:
    console = Console(file=io.StringIO(), width=220)
    for table in tables(verdicts(*ROWS)):
        console.print(table)
    text = console.file.getvalue()  # type: ignore[attr-defined]
    for shown in ("greeting", "50.0% (3/6", "72.7% (8/11)", "13.wav", "不该判而判", "演示模型", "没有评分结果"):
        assert shown in text
    assert sum(f"{i}.wav" in text for i in (3, 4, 5, 7, 8, 10, 13, 14)) == 8


def test_markup_in_messages_is_shown_as_it_is() -> None:
    card = scored(result("greeting", FAIL, finding(FAIL, message="听到 [red]您好[/]")))
    console = Console(file=io.StringIO(), width=200)
    for table in tables(evaluate({"a.wav": card}, [Truth("a.wav", 1, (("greeting", PASS),))])):
        console.print(table)
    assert "[red]您好[/]" in console.file.getvalue()  # type: ignore[attr-defined]


# ---------------------------------------------------------------- a folder


def folder(path: Path, *lines: object) -> Path:
    (path / "truth.jsonl").write_text("\n".join(v if isinstance(v, str) else json.dumps(v, ensure_ascii=False) for v in lines), "utf-8")
    return path


def test_evaluate_folder_scores_what_the_truth_names(tmp_path: Path) -> None:
    lines = [{"file": name, "verdicts": {"greeting": "fail"}} for name in ("a.wav", "sub/b.wav")]
    (tmp_path / "sub").mkdir()
    for name in ("a.wav", "sub/b.wav", "unlabelled.wav"):
        (tmp_path / name).write_bytes(b"RIFF")
    asked: list[Path] = []

    def scorer(paths: Sequence[Path]) -> Iterable[tuple[Path, Scored]]:
        asked.extend(paths)
        yield paths[0], scored(result("greeting", FAIL))
        yield paths[1], EmptyAudioError("b.wav", "没有声音", "请重新导出")

    evaluation = evaluate_folder(folder(tmp_path, *lines), scorer)
    assert asked == [tmp_path / "a.wav", tmp_path / "sub/b.wav"]
    assert evaluation.checks[0][1].recall == Share(1, 2)
    ((file, reason),) = evaluation.errors
    assert file == "sub/b.wav" and "没有声音" in reason


def test_a_recording_that_is_not_there_is_named_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(b"RIFF")
    with pytest.raises(TruthError, match=r"truth\.jsonl:3: .*b\.wav"):
        evaluate_folder(folder(tmp_path, {"file": "a.wav"}, "", {"file": "b.wav"}), lambda paths: [])
