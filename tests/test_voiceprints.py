"""Voices of agents: kept with consent, compared with nothing but the same model's, and gone for good when forgotten."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import soundfile
from commands import Run

from qa import voice_engine, voiceprints
from qa.diarization import Diarization
from qa.diarization.blockwise import Blockwise
from qa.diarization.linking import Likeness
from qa.diarization.protocol import Voice
from qa.errors import ModelError, NotFoundError, StoreError
from qa.store import Store
from qa.types import Audio, AudioInfo, Span, SpeakerTurn, SpeechActivity

SECONDS = np.ones(16_000 * 12, np.float32)
MARK = np.arange(1, 65, dtype=np.float32) * np.float32(1.2345)


class Model:
    """Hears ``vector`` in whatever it is given."""

    def __init__(self, vector: npt.NDArray[np.float32], identity: str = "model@1") -> None:
        self.vector, self.identity = vector, identity

    def embed(self, samples: npt.NDArray[np.float32]) -> npt.NDArray[np.float32] | None:
        return self.vector


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "qa.db")


def test_a_voice_is_kept_with_who_when_and_consent(store: Store) -> None:
    made = voiceprints.enrol(store.db, "8001", Model(MARK), SECONDS, " 张三 ", "书面同意 2026-03")
    assert voiceprints.enrolled(store.db) == (made,)
    assert (made.by, made.consent, made.seconds, made.model) == ("张三", "书面同意 2026-03", 12.0, "model@1")
    voiceprints.enrol(store.db, "8001", Model(-MARK), SECONDS, "李四", "重录")
    assert [p.by for p in voiceprints.enrolled(store.db)] == ["李四"]


@pytest.mark.parametrize(
    ("agent", "by", "consent", "seconds"), [("", "a", "b", 12), ("8", " ", "b", 12), ("8", "a", "", 12), ("8", "a", "b", 9)]
)
def test_without_consent_name_or_enough_speech_nothing_is_kept(store: Store, agent: str, by: str, consent: str, seconds: int) -> None:
    with pytest.raises(StoreError):
        voiceprints.enrol(store.db, agent, Model(MARK), np.ones(16_000 * seconds, np.float32), by, consent)
    assert voiceprints.enrolled(store.db) == ()


def test_what_is_forgotten_is_nowhere_in_the_files(store: Store, tmp_path: Path) -> None:
    voiceprints.enrol(store.db, "8001", Model(MARK), SECONDS, "张三", "同意")
    kept = (MARK / np.linalg.norm(MARK)).astype(np.float32).tobytes()[16:80]
    assert any(kept in path.read_bytes() for path in tmp_path.glob("qa.db*"))
    assert voiceprints.forget(store.db, "8001", "李四") == 1
    assert not any(kept in path.read_bytes() for path in tmp_path.glob("qa.db*"))
    assert voiceprints.enrolled(store.db) == () and voiceprints.ratios(store.db, "8001", "model@1", {"spk0": MARK}) == {}
    events = [(row["event"], row["made_by"]) for row in store.db.rows("select * from voiceprint_events order by id")]
    assert events == [("enrolled", "张三"), ("forgotten", "李四")]
    with pytest.raises(NotFoundError):
        voiceprints.forget(store.db, "8001", "李四")


def test_what_somebody_still_reads_is_not_said_to_be_gone(qa: Run, tmp_path: Path) -> None:
    with Store(tmp_path / "qa.db", busy_timeout_s=0.1) as store:
        voiceprints.enrol(store.db, "8001", Model(MARK), SECONDS, "张三", "同意")
        reader = sqlite3.connect(tmp_path / "qa.db")
        reader.execute("begin")
        assert reader.execute("select count(*) from voiceprints").fetchone() == (1,)
        with pytest.raises(StoreError, match="读取"):
            voiceprints.forget(store.db, "8001", "李四")
        with pytest.raises(StoreError, match="读取"):  # nor the second time
            voiceprints.forget(store.db, "8001", "李四")
        reader.close()
        with pytest.raises(NotFoundError):
            voiceprints.forget(store.db, "8001", "李四")
        assert (tmp_path / "qa.db-wal").stat().st_size == 0
    assert qa("voiceprint", "forget", "8001", "--by", "李四", "--db", str(tmp_path / "qa.db")).code == 2


def test_spaces_around_an_id_are_none_of_it(store: Store) -> None:
    voiceprints.enrol(store.db, " 8001 ", Model(MARK), SECONDS, "张三", "同意")
    assert voiceprints.is_enrolled(store.db, "8001 ", "model@1") and voiceprints.ratios(store.db, " 8001", "model@1", {"spk0": MARK})
    assert not voiceprints.is_enrolled(store.db, " ", "model@1")
    assert voiceprints.forget(store.db, " 8001 ", "李四") == 1 and voiceprints.enrolled(store.db) == ()


def test_only_voices_of_the_same_model_and_agent_are_compared(store: Store) -> None:
    voiceprints.enrol(store.db, "8001", Model(MARK), SECONDS, "张三", "同意")
    other = np.zeros(64, np.float32)
    other[0] = 1.0
    found = voiceprints.ratios(store.db, "8001", "model@1", {"spk0": 3 * MARK, "spk1": other, "spk2": other[:3]})
    assert found["spk0"] == pytest.approx(voiceprints.SLOPE * (1 - voiceprints.EVEN)) and found["spk1"] < 0 and "spk2" not in found
    assert (
        voiceprints.ratios(store.db, "8001", "model@2", {"spk0": MARK})
        == {}
        == voiceprints.ratios(store.db, "8002", "model@1", {"spk0": MARK})
    )


class Engine:
    """Two voices: ``lengths`` ms of each alone."""

    surely_apart = False

    def __init__(self, *lengths: int) -> None:
        self.lengths = lengths

    def voices(self, x: npt.NDArray[np.float32], speech: object) -> tuple[Voice, ...]:
        return tuple(Voice((Span(0, n),), (Span(0, n),), MARK * np.float32(k + 1)) for k, n in enumerate(self.lengths))


@pytest.mark.parametrize(("lengths", "there"), [((9000,), True), ((9000, 500), True), ((9000, 4000), False), ((), False)])
def test_a_print_is_made_of_one_voice_only(lengths: tuple[int, ...], there: bool) -> None:
    embedder = voice_engine.EngineEmbedder(Blockwise(Engine(*lengths), "e@1", Likeness(0.5, 0.3), False))
    found = embedder.embed(SECONDS)
    assert (found is not None) is there and embedder.identity == "e@1"
    assert found is None or np.array_equal(found, MARK)


def test_an_engine_without_prints_says_so() -> None:
    with pytest.raises(ModelError, match="不能提取声纹"):
        voice_engine.EngineEmbedder(Model(MARK))  # type: ignore[arg-type]


def test_speech_is_taken_from_its_stretches_the_longest_first() -> None:
    pcm = np.zeros((8000 * 6, 2), np.int16)
    pcm[8000 * 2 : 8000 * 4, 1] = 8000
    audio = Audio(AudioInfo("a.wav", "0" * 64, "wav", "pcm", 8000, 2, 6000), pcm)
    heard = voice_engine.speech(audio, 1, (Span(0, 500), Span(2000, 4000)), 2000)
    assert len(heard) == 32_000 and float(np.median(heard)) == pytest.approx(8000 / 32768, abs=0.01)


def recording(path: Path, channels: int) -> str:
    x = np.random.default_rng(0).normal(0, 0.05, (8000 * 12, channels))
    soundfile.write(path, x, 8000, subtype="PCM_16")
    return str(path)


@pytest.mark.parametrize(
    ("channels", "more", "told"),
    [
        (2, (), "没有说坐席在哪个声道"),
        (1, ("--channel", "2"), "没有第 2 声道"),
        (1, (), "听得出 2 个人的声音"),
        (2, ("--channel", "2"), ""),
    ],
)
def test_nobody_elses_voice_is_enrolled(
    qa: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, channels: int, more: tuple[str, ...], told: str
) -> None:
    class Two(Engine):
        def print_of(self, x: npt.NDArray[np.float32]) -> None:
            return None

    class Whole(Blockwise):
        def diarize(self, wave: object, speech: object) -> Diarization:
            turns = tuple(SpeakerTurn(f"spk{k}", 0, Span(1000 * k, 1000 * k + 900)) for k in (0, 1, 0))
            return Diarization(tuple(sorted(turns, key=lambda t: t.span)), ())

    monkeypatch.setattr("qa.diarization.load", lambda located: Whole(Two(11_000), "e@1", Likeness(0.5, 0.3), False))
    monkeypatch.setattr("qa.diarization.locate", lambda choice: object())
    given = ("8001", recording(tmp_path / "a.wav", channels), "--by", "张三", "--consent", "同意", "--db", str(tmp_path / "qa.db"))
    monkeypatch.setattr("qa.activity.detect", lambda audio: SpeechActivity(((Span(0, 12_000),),) * channels, "x"))
    ran = qa("voiceprint", "enrol", *given, *more)
    assert told in ran.err and (ran.code == 0) is (told == "")
    with Store(tmp_path / "qa.db") as store:
        assert len(voiceprints.enrolled(store.db)) == (0 if told else 1)


def test_without_a_model_for_real_voices_the_command_says_what_is_missing(qa: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def locate(choice: str) -> None:
        if choice == "pyannote":
            raise ModelError("community-1", "没有取来", "请运行 qa models pull community-1")

    monkeypatch.setattr("qa.diarization.locate", locate)
    given = ("8001", recording(tmp_path / "a.wav", 1), "--by", "张三", "--consent", "同意", "--db", str(tmp_path / "qa.db"))
    ran = qa("voiceprint", "enrol", *given)
    assert ran.code != 0 and "qa models pull community-1" in ran.err and "sherpa-onnx" not in ran.err
    assert "没有声纹模型" in qa("voiceprint", "enrol", *given, "--diarization", "off").err


def test_listed_and_forgotten_by_the_command(qa: Run, tmp_path: Path) -> None:
    with Store(tmp_path / "qa.db") as store:
        voiceprints.enrol(store.db, "8001", Model(MARK), SECONDS, "张三", "书面同意")
    db = ("--db", str(tmp_path / "qa.db"))
    assert qa("voiceprint", "list", *db, "--json").json[0]["consent"] == "书面同意"
    assert qa("voiceprint", "forget", "8001", "--by", "李四", *db).code == 0
    assert "没有登记" in qa("voiceprint", "list", *db).out
    assert qa("voiceprint", "forget", "8001", "--by", "李四", *db).code == 2
