"""Tables of what persons say about speakers; made by a migration (:mod:`qa.migrations`) and never edited."""

from __future__ import annotations

from sqlite_utils import Database


def create(db: Database) -> None:
    """``role_marks``: who is who in a call; ``roles_json`` are pairs of speaker label and role (none: the earlier marks are taken back),
    ``turns_digest`` the turns whose labels they are, in ``blobs``.

    ``voiceprints`` can be deleted for good at any time; ``voiceprint_events`` keeps that somebody enrolled or forgot a voice, and nothing
    of the voice itself.
    """
    texts = ("call_id", "turns_digest", "roles_json", "made_by", "reason", "created")
    db.table("role_marks").create(
        {"id": int, **dict.fromkeys(texts, str), "apart": int},
        pk="id",
        foreign_keys=[("call_id", "calls", "call_id")],
        not_null={*texts, "apart"},
        strict=True,
    )
    db.table("role_marks").create_index(["call_id"])
    told = ("agent_id", "model", "made_by", "consent", "created")
    db.table("voiceprints").create(
        {**dict.fromkeys(told, str), "vector": bytes, "seconds": float},
        pk=("agent_id", "model"),
        not_null={*told, "vector", "seconds"},
        strict=True,
    )
    seen = ("agent_id", "event", "made_by", "consent", "created")
    db.table("voiceprint_events").create({"id": int, **dict.fromkeys(seen, str)}, pk="id", not_null={*seen}, strict=True)


def recordings_of_marks(db: Database) -> None:
    """``role_marks.sha256``: the content that a mark was made on ("" of older ones, which are compared by their turns); ``alone``: the
    person has said that nobody else is heard in the voices of agent and customer."""
    db.table("role_marks").add_column("sha256", str, not_null_default="")
    db.table("role_marks").add_column("alone", int, not_null_default=0)
