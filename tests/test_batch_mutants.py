"""Corrupted recordings, by the hundred: none stops the batch, hangs or breaks a worker."""

from __future__ import annotations

from pathlib import Path

import make_audio as make
import numpy as np
import pytest
import soundfile
from batch_days import CLIPS, SAMPLES, clip, old
from batch_here import forked, limits
from commands import Run
from mutants import KINDS, mutant

from qa.store import Store

__all__ = ["forked"]
COUNT = 200


def sources() -> list[bytes]:
    """Short clips in the formats that recorders write."""
    samples, rate_hz = soundfile.read(SAMPLES / f"{CLIPS[0]}.wav", dtype="int16", always_2d=True)
    voice = np.ascontiguousarray(samples[8 * rate_hz : 9 * rate_hz])
    coded = (("mp3", "libmp3lame"), ("ogg", "libopus"), ("flac", "flac"), ("wav", "pcm_alaw"), ("ipod", "aac"))
    return [clip(CLIPS[0], 1.0), clip(CLIPS[5], 1.0), *(make.encoded(container, codec, voice, rate_hz) for container, codec in coded)]


def test_the_same_seed_gives_the_same_mutant() -> None:
    made = sources()
    assert [mutant(made, seed) for seed in range(20)] == [mutant(made, seed) for seed in range(20)]
    assert len({mutant(made, seed) for seed in range(COUNT)}) > 0.95 * COUNT and len(KINDS) == 7


def test_two_hundred_mutants_are_all_told_what_became_of_them(
    qa: Run, forked: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    limits(monkeypatch, floor_s=60.0)
    folder, made = tmp_path / "day", sources()
    folder.mkdir()
    for seed in range(COUNT):
        (folder / f"{seed:03}.wav").write_bytes(mutant(made, seed))
    old(folder)
    found = qa("batch", "run", folder, "--asr", "demo", "--workers", 2, "--db", "t.db", "--json")
    assert found.code == 1, found.err
    told = found.json
    assert told["through"] == COUNT == told["scored"] + told["quarantined"]
    assert told["scored"] > COUNT // 4 and told["quarantined"] > COUNT // 10
    # every one refused for a reason that the decoder gives: no bug, no time-out, no broken worker
    assert {p["kind"] for p in told["problems"]} <= {
        "AudioError",
        "EmptyAudioError",
        "NotAudioError",
        "NoAudioTrackError",
        "UnsupportedRateError",
    }
    with Store(tmp_path / "t.db") as store:
        assert len(store.calls()) == told["scored"]
    again = qa("batch", "run", folder, "--asr", "demo", "--workers", 2, "--db", "t.db", "--json").json
    assert (again["scored"], again["skipped"], again["stage_seconds"]) == (told["scored"], told["quarantined"], {})
