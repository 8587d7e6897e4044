"""Statements, views and a function of the database schema (:mod:`qa.migrations`); never edited."""

from __future__ import annotations

from sqlite_utils import Database

# what older programs kept: one rule a text, one judgement a result; their digests meet no other's
PACK = (
    """insert into judged_rules (fingerprint, check_id, title, clause, kind, severity, section, digest)
  select '', check_id, title, clause, kind, severity, section, cast('old ' || min(id) as blob) from check_results
  group by check_id, title, clause, kind, severity, section""",
    """insert into judgements (id, digest, findings_json)
  select id, cast('old ' || id as blob), (select json_group_array(json_object('outcome', f.outcome, 'message', f.message,
    'evidence', json(f.evidence_json), 'values', json(f.values_json)))
    from (select * from findings where check_result_id = r.id order by position) f) from check_results r""",
    """update scorecards set results_json = (select json_group_array(json_array(
    (select j.id from judged_rules j where (j.check_id, j.title, j.clause, j.kind, j.severity) =
      (r.check_id, r.title, r.clause, r.kind, r.severity) and j.section is r.section),
    r.id, r.outcome, (select count(*) from findings f where f.check_result_id = r.id and f.outcome = r.outcome), r.weight, r.points))
    from (select * from check_results where scorecard_id = scorecards.id order by position) r)""",
)

RESULTS = """select s.id as scorecard_id, e.key as position, r.check_id, r.title, r.clause, r.kind, r.section, r.severity,
  json_extract(e.value, '$[2]') as outcome, json_extract(e.value, '$[3]') as occurrences, json_extract(e.value, '$[4]') as weight,
  json_extract(e.value, '$[5]') as points, j.findings_json from scorecards s, json_each(s.results_json) e
  join judged_rules r on r.id = json_extract(e.value, '$[0]') join judgements j on j.id = json_extract(e.value, '$[1]')"""

CURRENT = """select * from scorecards s where s.id = coalesce(
  (select a.scorecard_id from adjustments a where a.call_id = s.call_id and not exists
    (select 1 from scorecards later where later.call_id = a.call_id and later.standing and later.id > a.position)
    order by a.id desc limit 1),
  (select max(own.id) from scorecards own where own.call_id = s.call_id and own.standing))"""


def create_results(db: Database) -> None:
    """What the checks of a scorecard found."""
    db.table("check_results").create(
        {
            "id": int,
            "scorecard_id": int,
            "position": int,
            "check_id": str,
            "title": str,
            "clause": str,
            "outcome": str,
            "weight": float,
            "points": float,
        },
        pk="id",
        foreign_keys=[("scorecard_id", "scorecards", "id")],
        strict=True,
    )
    db.table("check_results").create_index(["scorecard_id", "position"])
    db.table("findings").create(
        {
            "id": int,
            "check_result_id": int,
            "position": int,
            "outcome": str,
            "message": str,
            "evidence_json": str,
            "values_json": str,
        },
        pk="id",
        foreign_keys=[("check_result_id", "check_results", "id")],
        strict=True,
    )
    db.table("findings").create_index(["check_result_id", "position"])


APPEND_ONLY = ("scorecards", "check_results", "findings")


def refuse_changes(db: Database, tables: tuple[str, ...] = APPEND_ONLY) -> None:
    """Triggers that let rows of these tables be neither changed nor deleted."""
    for table in tables:
        for verb in ("update", "delete"):
            refuse = f"select raise(abort, '{table} is append only')"
            db.execute(f"create trigger {table}_no_{verb} before {verb} on {table} begin {refuse}; end")
