"""Every check of the call log against its own examples, and what no such check may do."""

from __future__ import annotations

import dataclasses
import datetime
from random import Random

import pytest

from qa.log_examples import LogExample, parse
from qa.logchecks import registry
from qa.logfacts import sound
from qa.scoring import combine
from qa.types import Finding, Outcome
from qa.types.log import CallLog, Complaint, Disposition, Leg, LoggedCall, Person, Ticket

NEVER = {"reconnected": {Outcome.FAIL}}
"""What a check cannot know: who broke a call off is not in any log."""
OF_NO_TIME = {"hotline_outbound", "premium_numbers", "private_numbers", "complaint_terms"}
"""What is a breach whenever it was: who was called over which line, and the register's own dates."""
CASES = [(check_id, example) for check_id, module in registry().items() for example in module.EXAMPLES]


def findings(check_id: str, example: LogExample) -> list[Finding]:
    module = registry()[check_id]
    return list(module.run(example.log(), module.Params(**dict(example.params))))


@pytest.mark.parametrize(("check_id", "example"), CASES, ids=[f"{c}: {e.name}" for c, e in CASES])
def test_example(check_id: str, example: LogExample) -> None:
    found = findings(check_id, example)
    outcome = combine(f.outcome for f in found)
    assert outcome is example.outcome, [(f.outcome, f.message) for f in found]
    deciding = next(f for f in found if f.outcome is outcome)
    if example.rows:
        assert sorted(int(row.source.removeprefix("例:")) for row in deciding.rows) == sorted(example.rows)
    for name, value in example.values:
        assert deciding.value(name) == value, name


@pytest.mark.parametrize("check_id", registry())
def test_every_check_shows_what_passes_fails_and_cannot_be_ruled_on(check_id: str) -> None:
    shown = {example.outcome for example in registry()[check_id].EXAMPLES}
    due = {Outcome.PASS, Outcome.INCONCLUSIVE, Outcome.FAIL} - NEVER.get(check_id, set())
    assert due <= shown and not NEVER.get(check_id, set()) & shown
    assert all(e.rows for e in registry()[check_id].EXAMPLES if e.outcome is Outcome.FAIL)


@pytest.mark.parametrize("check_id", registry())
def test_a_table_that_was_not_imported_is_never_a_verdict(check_id: str) -> None:
    """Whatever an example's log holds, nothing is ruled where its tables count as not imported."""
    module = registry()[check_id]
    for example in module.EXAMPLES:
        log = dataclasses.replace(example.log(), sources=frozenset())
        found = list(module.run(log, module.Params(**dict(example.params))))
        assert {f.outcome for f in found} <= {Outcome.INCONCLUSIVE, Outcome.NOT_APPLICABLE}, (check_id, example.name)


@pytest.mark.parametrize("check_id", registry())
def test_a_call_without_any_time_is_never_a_breach_of_hours_or_days(check_id: str) -> None:
    rows = ("2025-03-03 ??:?? 呼入 13812345678 未接 坐席=1001", "名册 1001 张三", "投诉 2025-03-03 ??:?? 13812345678 类别=一般")
    log = parse("\n".join((*rows, "工单 2025-03-03 09:00 13712345678")))
    module = registry()[check_id]
    assert not [f.message for f in module.run(log, module.Params()) if f.outcome is Outcome.FAIL]


# ---------------------------------------------------------------- any log


def _any_time(random: Random, day: int) -> str | None:
    hour, minute = random.randrange(24), random.randrange(60)
    return random.choice([None, f"2025-03-{day:02d}T{hour:02d}:{minute:02d}:00.000", f"2025-03-{day:02d}T10:{minute:02d}:00.000"])


def _any_log(random: Random) -> CallLog:
    """Calls and registers in which anything may be missing or contradict the rest."""
    people = ("13812345678", "13912345678", "02588886666", "88886666", "", "168123", "anonymous")
    calls = []
    for n in range(random.randrange(40)):
        day = random.randrange(3, 8)
        agent, answer = random.choice(["", "1001", "1002"]), _any_time(random, day)
        calls.append(
            LoggedCall(
                call_id=f"c{n}",
                source=f"cdr.csv:{n}",
                direction=random.choice(["in", "in", "out", "internal"]),
                disposition=random.choice(list(Disposition)),
                customer_number=random.choice(people),
                line_number=random.choice(["", "4001234567", "02511112222"]),
                start=_any_time(random, day),
                ring=_any_time(random, day),
                answer=answer,
                end=_any_time(random, day),
                agent_id=agent,
                legs=(Leg(agent, answer, _any_time(random, day)),) if agent and answer and random.random() < 0.5 else (),
                hangup_by=random.choice([None, "agent", "customer"]),
            )
        )
    opened = [(_any_time(random, 3), _any_time(random, 5)) for _ in range(random.randrange(5))]
    kinds = ("", "simple", "general", "complex", "other")
    complaints = [Complaint(f"t{n}", f"t:{n}", random.choice(people), a, random.choice(kinds), b) for n, (a, b) in enumerate(opened)]
    tickets = [Ticket(f"k{n}", f"k:{n}", _any_time(random, 4), random.choice(people)) for n in range(random.randrange(5))]
    tables = ("calls", "roster", "complaints", "tickets")
    return CallLog(
        since=datetime.date(2025, 3, 3),
        until=datetime.date(2025, 3, 7),
        calls=tuple(calls),
        roster=(Person("1001", "张三", "", "agent", "r:2", numbers=("13912345678",)),) if random.random() < 0.5 else (),
        complaints=tuple(complaints),
        tickets=tuple(tickets),
        recorded=frozenset(call.call_id for call in calls if random.random() < 0.7),
        scored=frozenset(call.call_id for call in calls if random.random() < 0.7),
        sources=frozenset(name for name in tables if random.random() < 0.9),
        as_of=random.choice([None, "2025-03-05T12:00:00.000", "2025-03-08T08:00:00.000"]),
    )


@pytest.mark.parametrize("check_id", registry())
@pytest.mark.parametrize("seed", range(25))
def test_no_log_breaks_a_check_and_less_is_never_more_blame(check_id: str, seed: int) -> None:
    """Without the times of its calls a log may give no breach that hangs on a time; every breach names rows of the log itself."""
    module, log = registry()[check_id], _any_log(Random(seed))
    found = list(module.run(sound(log), module.Params()))
    assert found and all(f.message for f in found)
    known = {row.source for row in (*log.calls, *log.complaints, *log.tickets)}
    assert all(row.source in known for f in found for row in f.rows)
    blank = {"start": None, "ring": None, "answer": None, "end": None, "legs": ()}
    timeless = dataclasses.replace(log, calls=tuple(dataclasses.replace(call, **blank) for call in log.calls))  # type: ignore[arg-type]
    blamed = [f for f in module.run(timeless, module.Params()) if f.outcome is Outcome.FAIL]
    assert not blamed or check_id in OF_NO_TIME
