"""Recordings at addresses: listed, hashed, read and scored as files are, and clear about a store that does not answer."""

from __future__ import annotations

import errno
import pickle
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from batch_days import CLIPS, clip, content, day, difference
from batch_here import forked
from commands import Run

from qa import decode, pipeline, places
from qa.batch.plan import look, open_for_writing
from qa.batch.watch import _state
from qa.errors import AudioError, BatchError, NotAudioError
from qa.places import RemotePath, at_hand, place, present

__all__ = ["forked"]
LONG_AGO_S = 1_700_000_000.0


@pytest.fixture
def store() -> Iterator[Any]:
    """An object store in memory, empty before and after."""
    system = places._file_system("memory")
    system.store.clear()
    yield system
    system.store.clear()


@pytest.mark.parametrize("text", ["录音/今天", "/srv/a.wav", "C:recordings", "a:b/c", "./s3/x"])
def test_anything_else_is_a_path_of_this_machine(text: str) -> None:
    assert type(place(text)) is type(Path()) and str(place(text)) == str(Path(text))


@pytest.mark.parametrize("text", ["memory://day/a.wav", "memory://日/通话 1#2.wav", "file:///srv/a b.wav", "memory://b/a//c.wav"])
def test_an_address_stays_as_it_was_written(text: str) -> None:
    path = place(text)
    assert str(path) == text and str(path.absolute()) == text
    assert str(pickle.loads(pickle.dumps(path))) == text and place(str(path)) == path
    assert path.name == text.rpartition("/")[2] and path.suffix == ".wav"


def test_what_is_derived_of_an_address_is_an_address() -> None:
    assert str(place("memory://b/day/a.wav").parent) == "memory://b/day"
    assert str(place("file:///srv/day") / "a.wav") == "file:///srv/day/a.wav"


@pytest.mark.parametrize("text", ["nosuch://bucket/day", "gopher+x://a"])
def test_an_address_that_nothing_reads_is_said(text: str) -> None:
    with pytest.raises(AudioError, match="不认识"):
        place(text)


def test_a_folder_is_listed_as_one_of_this_machine(store: Any, tmp_path: Path) -> None:
    for name in ("b/2.WAV", "a/1.mp3", "a/notes.txt", "a/.hidden.wav"):
        store.pipe(f"/day/{name}", b"x")
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    here = [path.relative_to(tmp_path).as_posix() for path in pipeline.collect([tmp_path])]
    assert here == ["a/1.mp3", "b/2.WAV"]
    assert [str(p).removeprefix("memory://day/").removeprefix("memory:///day/") for p in pipeline.collect([place("memory://day")])] == here


def test_a_listing_is_one_question(store: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A hundred thousand recordings are not asked for one by one."""
    for k in range(20):
        store.pipe(f"/day/{k}.wav", b"x")
    found = pipeline.collect([place("memory://day")])
    asked = Counter[str]()
    real = store.info
    monkeypatch.setattr(store, "info", lambda path, **kw: asked.update([path]) or real(path, **kw))
    assert [path.stat().st_size for path in found] == [1] * 20
    assert not asked
    look(found[0])
    assert asked.total() == 1  # once read, it is asked again whether it is still what was listed


def test_content_is_hashed_as_of_a_file_and_a_change_is_seen(store: Any, tmp_path: Path) -> None:
    data = clip(CLIPS[0], 1.0)
    store.pipe("/day/a.wav", data)
    (tmp_path / "a.wav").write_bytes(data)
    (path,) = pipeline.collect([place("memory://day")])
    seen = look(path)
    assert seen.sha256 == decode.file_sha256(tmp_path / "a.wav") and seen.size == len(data) and seen.still(path)
    store.pipe("/day/a.wav", data + b"0")
    assert not seen.still(path) and _state(path) != (seen.size, seen.mtime_ns)


def test_no_process_of_this_machine_has_an_address_open(store: Any) -> None:
    store.pipe("/day/a.wav", b"x")
    assert open_for_writing([place("memory://day/a.wav")]) == [False]


def test_an_address_is_only_read(store: Any) -> None:
    with pytest.raises(OSError, match="only read"):
        place("memory://day/a.wav").open("wb")


# ---------------------------------------------------------------- at hand


def test_a_recording_is_at_hand_as_long_as_it_is_needed(store: Any, tmp_path: Path) -> None:
    data = clip(CLIPS[0], 1.0)
    store.pipe("/day/a.wav", data)
    with at_hand("memory://day/a.wav") as path:
        assert path.read_bytes() == data and path.suffix == ".wav" and type(path) is type(Path())
    assert not path.exists()
    with at_hand(str(tmp_path / "x.wav")) as path:
        assert path == tmp_path / "x.wav"


def test_errors_name_the_recording_and_not_its_copy(store: Any) -> None:
    store.pipe("/day/a.wav", "这不是录音".encode())
    with pytest.raises(NotAudioError) as caught, at_hand("memory://day/a.wav") as path:
        decode.decode(path)
    assert caught.value.subject == "memory://day/a.wav"
    with pytest.raises(AudioError, match="不存在"), at_hand("memory://day/b.wav"):
        pass


@pytest.mark.parametrize(("number", "kind"), [(errno.ENOSPC, BatchError), (errno.ECONNRESET, AudioError)])
def test_a_full_temporary_folder_is_no_recordings_fault(store: Any, monkeypatch: pytest.MonkeyPatch, number: int, kind: type) -> None:
    def fails(*args: Any, **kwargs: Any) -> None:
        raise OSError(number, "out")

    monkeypatch.setattr(store, "get_file", fails)
    with pytest.raises(kind) as caught, at_hand("memory://day/a.wav"):
        pass
    assert type(caught.value) is kind


# ---------------------------------------------------------------- a store that does not answer


@pytest.fixture
def silent(store: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Whatever is asked, the store's library raises an error of its own."""

    class EndpointError(Exception):
        pass

    def fails(*args: Any, **kwargs: Any) -> None:
        raise EndpointError("could not connect")

    for name in ("info", "find", "open", "get_file"):
        monkeypatch.setattr(store, name, fails)
    return store


def test_a_store_that_does_not_answer_is_told_from_a_folder_that_is_not_there(store: Any, silent: Any) -> None:
    with pytest.raises(AudioError, match="could not connect"):
        present(["memory://day"])
    with pytest.raises(BatchError, match="列不出"):
        list(place("memory://day").rglob("*"))
    assert not place("memory://day").is_dir()
    with pytest.raises(AudioError, match="could not connect"):
        look(RemotePath.of("memory://day/a.wav", {"type": "file", "size": 1}))


def test_what_is_not_there_is_said_together(store: Any, tmp_path: Path) -> None:
    with pytest.raises(AudioError, match="没有这个文件或文件夹") as caught:
        present([str(tmp_path), "memory://no", "no/such"])
    assert caught.value.subject == "memory://no、no/such"


def test_times_of_change_come_in_the_kinds_that_stores_have() -> None:
    from datetime import UTC, datetime

    at = datetime.fromtimestamp(LONG_AGO_S, UTC)
    for said in ({"mtime": LONG_AGO_S}, {"LastModified": at}, {"updated": at.isoformat()}, {"mtime": None, "last_modified": at}):
        assert RemotePath.of("memory://a", {"type": "file", "size": 3, **said}).stat().st_mtime_ns == int(LONG_AGO_S) * 10**9
    assert places._changed_ns({"size": 1}) == 0


# ---------------------------------------------------------------- a batch


def test_a_batch_of_an_address_scores_as_that_of_a_folder_and_can_be_retried(qa: Run, forked: None, tmp_path: Path, store: Any) -> None:
    recordings = day(tmp_path / "day", CLIPS[:3], seconds=1.5)
    for path in recordings.glob("*.wav"):
        store.pipe(f"/bucket/day/{path.name}", path.read_bytes())
    common = ("--calls", recordings / "calls.csv", "--asr", "demo", "--workers", 2)
    assert qa("batch", "run", recordings, *common, "--db", "here.db").code == 1
    ran = qa("batch", "run", "memory://bucket/day", *common, "--db", "there.db", "--json")
    assert ran.code == 1 and (ran.json["scored"], ran.json["quarantined"]) == (4, 1), ran.err
    here, there = content(tmp_path / "here.db"), content(tmp_path / "there.db")
    for name in ("stage results", "blobs", "utterances", "results", "judgements"):
        assert difference({name: here[name]}, {name: there[name]}) == []
    (bad,) = qa("batch", "status", "--db", "there.db", "--json").json["quarantine"]
    assert "://" in bad["path"] and bad["path"].endswith("bucket/day/text.wav")
    store.pipe("/bucket/day/text.wav", clip(CLIPS[4], 1.5))  # exported again: another content
    assert qa("batch", "retry", *common, "--db", "there.db").code == 0
    assert qa("batch", "run", "memory://bucket/day", *common, "--db", "there.db", "--json").json["reused"] == 5
