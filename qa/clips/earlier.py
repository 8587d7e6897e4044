"""What was ever recognised or written of a recording: a number stays one, whatever a later transcript says in its place."""

from __future__ import annotations

from qa import serial
from qa.ledger_cards import Snapshot
from qa.store import Store
from qa.types import Call, Transcript


def transcripts(store: Store, call_id: str, call: Call) -> tuple[Transcript, ...]:
    """All stored transcripts of the call's recording but its present one, the oldest first: the machine's and corrected ones.

    One that was deleted (its period of storage is over) or is damaged is not among them.
    """
    found = store.db.rows(
        "select snapshot from scorecards where call_id = ? or call_id in (select call_id from calls where sha256 = ?) order by id",
        *(call_id, call.audio.sha256),
    )
    judged_on = (serial.decode(row["snapshot"], Snapshot) for row in found)
    digests = dict.fromkeys(dict(s.parts).get("transcript", "") for s in judged_on if s.audio.sha256 == call.audio.sha256)
    if len(digests) < 2:
        return ()
    stored = (store.part(digest, Transcript) for digest in digests)
    present = call.as_heard.transcript
    return tuple(one for one in stored if one is not None and one != present)
