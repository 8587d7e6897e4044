"""The page of a long recording: read a block at a time, encoded into a file, written in pieces; the same page as in one."""

from __future__ import annotations

import base64
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
from report_pages import pcm_of
from report_samples import RATE_HZ, call, scorecard

from qa import blocks, report, report_media
from qa.report_media import encode, opus_bytes, pieces_of, uri_pieces
from qa.types import Audio, AudioInfo, Int16Array

NOW = datetime(2024, 5, 7, 8, 0)
BLOCK_S = 4


@pytest.fixture
def short_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocks, "BLOCK_S", BLOCK_S)


def audio(seconds: float, rate_hz: int = 8000, channels: int = 2) -> Audio:
    """A tone that rises by a step each second, another one a channel."""
    t = np.arange(round(seconds * rate_hz)) / rate_hz
    waves = [8000 * np.sin(2 * np.pi * (300 + 200 * channel + 20 * np.floor(t)) * t) for channel in range(channels)]
    pcm = np.stack(waves, axis=1).astype(np.int16) if len(t) else np.zeros((0, channels), np.int16)
    return Audio(AudioInfo("a.wav", "0" * 64, "wav", "pcm_s16le", rate_hz, channels, round(1000 * seconds)), pcm)


def watched(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Lengths of the stretches that are read from here on."""
    read: list[int] = []
    samples: Callable[..., Int16Array] = Audio.samples

    def noted(self: Audio, index: int, start: int = 0, end: int | None = None) -> Int16Array:
        found = samples(self, index, start, end)
        read.append(len(found))
        return found

    monkeypatch.setattr(Audio, "samples", noted)
    return read


def heard(data: bytes) -> np.ndarray:
    return np.asarray(pcm_of("," + base64.b64encode(data).decode()))


@pytest.mark.parametrize(("rate_hz", "channels"), [(8000, 2), (8000, 1), (11025, 2), (44100, 1)])
def test_blocks_sound_like_the_whole(
    short_blocks: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, rate_hz: int, channels: int
) -> None:
    made, read = audio(11.3, rate_hz, channels), watched(monkeypatch)
    with (tmp_path / "a.ogg").open("w+b") as file:
        encode(pieces_of(made), rate_hz, channels, file)
    assert max(read) <= BLOCK_S * rate_hz and sum(read) == channels * len(made.pcm)
    whole, pieces = heard(opus_bytes(made.pcm, rate_hz)), heard((tmp_path / "a.ogg").read_bytes())
    assert abs(len(whole) - len(pieces)) <= 960, "one frame of 20 ms"
    same = min(len(whole), len(pieces))
    difference = whole[:same].astype(np.float64) - pieces[:same]
    assert np.sqrt(np.mean(difference**2)) < 0.02 * np.sqrt(np.mean(whole[:same].astype(np.float64) ** 2))


def test_a_recording_of_nothing_is_silence(short_blocks: None) -> None:
    assert 960 <= len(np.asarray(pcm_of("".join(uri_pieces(audio(0.0)))))) <= 1920


def test_the_page_is_written_in_pieces_none_of_which_is_the_sound(
    short_blocks: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    one = call(tmp_path / "C-001.wav")
    monkeypatch.setattr(report_media, "_READ_BYTES", 3000)
    monkeypatch.setattr(report_media, "_HELD_BYTES", 1000)
    read = watched(monkeypatch)
    pieces = list(report.call_pieces(one, scorecard(one), now=NOW))
    assert max(read) <= BLOCK_S * RATE_HZ
    sound = [piece for piece in pieces[1:-1] if piece != "data:audio/ogg;base64,"]
    assert len(sound) > 5 and max(map(len, sound)) <= 4000
    report.write(tmp_path / "page.html", iter(pieces))
    written = (tmp_path / "page.html").read_text("utf-8")
    assert written == "".join(pieces) and "".join(pieces[1:-1]) in written
    assert 'src="data:audio/ogg;base64,T2dnUw' in written, "begins as an Ogg file does"
    assert len(np.asarray(pcm_of("".join(pieces[1:-1])))) == pytest.approx(24 * 48000, abs=960)
