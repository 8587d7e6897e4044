"""Sound by range requests: through the permission check, only of the recording that was scored, decoded where browsers cannot play it."""

from __future__ import annotations

import io
import wave
from dataclasses import replace
from pathlib import Path

import make_audio
import numpy as np
import pytest
from web_house import House, call_id

from qa import decode
from qa.errors import AudioError
from qa.web.audio import Sounds
from qa.web.heard import AGAIN_S, Heard

CALL = call_id("8001", 0)
AUDIO = f"/calls/{CALL}/audio"


def recording(house: House) -> bytes:
    return Path(house.store.call(CALL).audio.path).read_bytes()


def moved(house: House, path: Path) -> None:
    with house.store.db.writing():
        house.store.db.sqlite.execute("update calls set file = ? where call_id = ?", (str(path), CALL))


def test_the_whole_recording_and_any_part_of_it(house: House) -> None:
    data, browser = recording(house), house.client("qa")
    whole = browser.get(AUDIO)
    assert whole.status_code == 200 and whole.content == data and whole.headers["accept-ranges"] == "bytes"
    assert whole.headers["content-type"] == "audio/wav"
    for asked, start, end in (
        ("0-99", 0, 100),
        ("1000-", 1000, len(data)),
        ("-50", len(data) - 50, len(data)),
        ("0-99999999", 0, len(data)),
    ):
        part = browser.get(AUDIO, headers={"Range": f"bytes={asked}"})
        assert part.status_code == 206 and part.content == data[start:end]
        assert part.headers["content-range"] == f"bytes {start}-{end - 1}/{len(data)}"
    assert browser.get(AUDIO, headers={"Range": f"bytes={len(data)}-"}).status_code == 416
    assert "private" in whole.headers["cache-control"] and "no-store" in whole.headers["cache-control"]


def test_listening_is_logged_once_however_many_pieces_are_asked_for(house: House) -> None:
    browser = house.client("qa")
    for start in (0, 5000, 100):
        browser.get(AUDIO, headers={"Range": f"bytes={start}-"})
    listened = [a for a in house.actions() if a[1] == "call.listen"]
    assert listened == [("qa", "call.listen", CALL)]
    house.client("lead").get(AUDIO)
    house.clock[0] += AGAIN_S
    browser.get(AUDIO, headers={"Range": "bytes=7-"})  # without the beginning it is listening as well
    assert [a[0] for a in house.actions() if a[1] == "call.listen"] == ["qa", "lead", "qa"]


def test_what_is_refused_is_not_logged_as_heard(house: House) -> None:
    house.client("agent").get(AUDIO)
    assert [a for a in house.actions() if a[1] == "call.listen"] == []


def test_a_missing_recording_is_told(house: House, tmp_path: Path) -> None:
    moved(house, tmp_path / "gone.wav")
    answer = house.client("qa").get(AUDIO)
    assert answer.status_code == 404 and "没有录音可放" in answer.text
    page = house.client("qa").get(f"/calls/{CALL}")
    assert page.status_code == 200 and "没有录音可放" in page.text and "<audio" not in page.text
    assert str(tmp_path) not in answer.text + page.text  # where files lie is nobody's business here


def test_a_recording_of_other_content_is_never_played(house: House, tmp_path: Path) -> None:
    other = tmp_path / "other.wav"
    other.write_bytes(recording(house)[:-2] + b"\1\1")
    moved(house, other)
    answer = house.client("qa").get(AUDIO)
    assert answer.status_code == 410 and "已不是评分时的录音" in answer.text
    assert "已不是评分时的录音" in house.client("qa").get(f"/calls/{CALL}").text


def test_a_file_exchanged_while_the_app_runs_is_noticed(house: House, tmp_path: Path) -> None:
    copy = tmp_path / "copy.wav"
    copy.write_bytes(recording(house))
    moved(house, copy)
    browser = house.client("qa")
    assert browser.get(AUDIO).status_code == 200
    copy.write_bytes(recording(house)[:-2] + b"\1\1")
    assert browser.get(AUDIO).status_code == 410


@pytest.mark.parametrize(
    ("container", "codec", "suffix"), [("wav", "pcm_alaw", "wav"), ("mp3", "libmp3lame", "mp3"), ("ogg", "libopus", "opus")]
)
def test_other_codecs_are_decoded_to_plain_wav(tmp_path: Path, container: str, codec: str, suffix: str) -> None:
    rate = 48000 if codec == "libopus" else 8000
    path = make_audio.write(tmp_path, make_audio.encoded(container, codec, make_audio.tone(1.0, rate, 2), rate), f"call.{suffix}")
    audio = decode.decode(path)
    sounds = Sounds()
    sound = sounds.sound(audio.info)
    assert sound.path != path and sounds.problem(audio.info) == ""
    with wave.open(io.BytesIO(sound.path.read_bytes())) as made:
        assert (made.getframerate(), made.getnchannels(), made.getsampwidth()) == (audio.info.rate_hz, 2, 2)
        pcm = np.frombuffer(made.readframes(made.getnframes()), "<i2").reshape(-1, 2)
    assert np.array_equal(pcm, audio.pcm)
    assert sounds.sound(audio.info) == sound  # made once
    assert sound.path.parent.stat().st_mode & 0o777 == 0o700
    sounds.close()
    assert not sound.path.exists()


def test_decoded_recordings_make_room_for_newer_ones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from qa.web import audio as of

    infos = []
    for n in range(3):
        x = make_audio.tone(0.5, 8000, 1, peak=4000.0 + 1000 * n)
        infos.append(decode.decode(make_audio.write(tmp_path, make_audio.encoded("wav", "pcm_alaw", x, 8000), f"{n}.wav")).info)
    monkeypatch.setattr(of, "MOST_BYTES", 18_000)  # two of them
    sounds = Sounds()
    made = [sounds.sound(info).path for info in infos]
    assert [path.exists() for path in made] == [False, True, True]
    assert sounds.sound(infos[0]).path.exists()
    sounds.close()


def test_a_header_that_lies_is_not_sent_to_the_browser(tmp_path: Path) -> None:
    data = make_audio.pcm16_wav(make_audio.tone(1.0), data_size=400)
    info = decode.decode(make_audio.write(tmp_path, data)).info
    sounds = Sounds()
    assert info.notes and sounds.sound(info).path.parent != tmp_path
    sounds.close()


def test_errors_of_a_missing_file(tmp_path: Path) -> None:
    info = decode.decode(make_audio.write(tmp_path, make_audio.pcm16_wav(make_audio.tone(0.2)))).info
    sounds = Sounds()
    gone = replace(info, path=str(tmp_path / "gone.wav"))
    assert sounds.problem(gone)
    with pytest.raises((AudioError, OSError)):
        sounds.sound(gone)
    with pytest.raises(LookupError):
        sounds.sound(replace(info, sha256="0" * 64))
    sounds.close()


def test_acts_of_listening() -> None:
    heard = Heard()
    assert heard.anew(("a", 1), 0.0) and heard.anew(("a", 1), 0.0)  # nothing was logged yet
    heard.mark(("a", 1), 0.0)
    assert not heard.anew(("a", 1), AGAIN_S - 1) and heard.anew(("a", 1), AGAIN_S)
    assert heard.anew(("b", 1), 1.0) and heard.anew(("a", 2), 1.0)
