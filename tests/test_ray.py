"""The batch on a Ray cluster: what becomes of recordings, whatever becomes of machines and actors."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import ray_doubles
from batch_days import CLIPS, clip, content, day, difference, old
from batch_here import forked
from commands import Ran, Run

from qa.batch import start
from qa.errors import BatchError

ray = pytest.importorskip("ray", reason="Ray is not installed (qa-callcentre[cluster])")
from ray.cluster_utils import Cluster  # noqa: E402

from qa.batch import ray_cluster, ray_engine  # noqa: E402
from qa.batch.ray_cluster import RayOptions, room  # noqa: E402

__all__ = ["forked"]
pytestmark = pytest.mark.slow
TESTS = Path(__file__).parent
QUICK = {"health_check_initial_delay_ms": 0, "health_check_period_ms": 300, "health_check_failure_threshold": 3}
On = Callable[..., Ran]


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Any]:
    """Two machines with one processor each, and a head that works on nothing; their workers are doubles."""
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    monkeypatch.setenv("PYTHONPATH", f"{TESTS}{os.pathsep}{TESTS.parent}")
    monkeypatch.setenv(ray_doubles.LOG, str(tmp_path / "begun.txt"))
    monkeypatch.setenv(ray_doubles.SLEEP, "0.4")
    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "_system_config": QUICK})
    for _ in range(2):
        made.add_node(num_cpus=1)
    try:
        yield made
    finally:
        ray.shutdown()
        made.shutdown()


@pytest.fixture
def on_cluster(qa: Run, cluster: Any, monkeypatch: pytest.MonkeyPatch) -> On:
    """``qa batch run`` of a folder on the cluster."""
    monkeypatch.setattr(ray_engine, "Shell", ray_doubles.DoubleShell)

    def run(folder: Path | str, *arguments: object, db: str = "ray.db", records: Path | None = None) -> Ran:
        calls = ("--calls", records or Path(folder) / "calls.csv")
        where = ("--engine", "ray", "--address", cluster.address)
        return qa("batch", "run", folder, *calls, "--asr", "demo", "--db", db, *where, *arguments)

    return run


def begun(folder: Path) -> Counter[str]:
    """How often each recording was given to a worker."""
    return Counter((folder / "begun.txt").read_text().split())


def power_cut(node: Any) -> None:
    """All processes of a machine end at once, with what they had begun."""
    pids = [process.process.pid for processes in node.all_processes.values() for process in processes]
    for pid in pids:  # grows while it is gone through
        for task in Path(f"/proc/{pid}/task").glob("*/children"):
            pids += map(int, task.read_text().split())
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def test_a_machine_that_dies_loses_no_call(
    cluster: Any, on_cluster: On, qa: Run, forked: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The acceptance: killed in mid-batch with a job on it; the database is that of a run on this machine, each call in it once."""
    recordings = day(tmp_path / "day", seconds=1.5)
    arguments = ("batch", "run", recordings, "--calls", recordings / "calls.csv", "--asr", "demo", "--db", "here.db")
    assert qa(*arguments, "--workers", 2).code == 1  # one file is no recording
    engines, killed = [], []
    held = f"{CLIPS[2]}.wav"
    (tmp_path / ray_doubles.HOLD).write_text(held)  # else its result may be on its way when its machine is killed
    real_engine, real_told = start.engine, ray_engine.RayEngine._told

    def told(self: Any, actor: Any, answer: Any) -> None:
        """With a result of one machine the other is killed, which has begun a recording, as by a power cut."""
        other = next((a for a in self._state.actors if a.task is not None and Path(a.task.job.path).name == held), None)
        if not killed and other is not None:
            while held not in begun(tmp_path):
                time.sleep(0.05)
            (node,) = (n for n in cluster.worker_nodes if n.node_id == other.machine.node)
            killed.append(held)
            power_cut(node)
        real_told(self, actor, answer)

    monkeypatch.setattr(ray_engine.RayEngine, "_told", told)
    monkeypatch.setattr(start, "engine", lambda *given: engines.append(real_engine(*given)) or engines[-1])
    ran = on_cluster(recordings)
    assert ran.code == 1, ran.err
    assert killed == [held] and begun(tmp_path)[held] >= 2
    assert difference(content(tmp_path / "here.db"), content(tmp_path / "ray.db")) == []
    cards = content(tmp_path / "ray.db")["scorecards"]
    assert len(cards) == len(CLIPS) + 1 and max(cards.values()) == 1
    assert len([n for n in cluster.list_all_nodes() if n.node_id]) == 3 and engines[0]._promises.over is not None


def test_recordings_that_break_workers_go_into_quarantine_and_the_rest_is_scored(
    on_cluster: On, qa: Run, short: None, tmp_path: Path
) -> None:
    """A worker that crashes twice, an actor that is killed twice, one that hangs: the same number of attempts as on one machine."""
    recordings = day(tmp_path / "day", CLIPS[:3], seconds=1.5, bad=False)
    for k, name in enumerate(("crash", "actor", "hang")):
        (recordings / f"{name}.wav").write_bytes(clip(CLIPS[3 + k], 1.5))
    old(recordings)
    ran = on_cluster(recordings, "--timeout-factor", 0.1, "--json")
    assert ran.code == 1, ran.err
    assert (ran.json["scored"], ran.json["quarantined"]) == (3, 3)
    causes = {Path(p["file"]).name: p["cause"] for p in ran.json["problems"]}
    assert "崩溃 2 次" in causes["crash.wav"] and "SIGSEGV" in causes["crash.wav"]
    assert "集群的工作进程崩溃 2 次" in causes["actor.wav"]
    assert "超时" in causes["hang.wav"]
    assert {name: n for name, n in begun(tmp_path).items() if n > 1} == {"crash.wav": 2, "actor.wav": 2}
    kept = qa("batch", "status", "--db", "ray.db", "--json").json["quarantine"]
    assert sorted(Path(q["path"]).name for q in kept) == ["actor.wav", "crash.wav", "hang.wav"]


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file may take only some seconds."""
    monkeypatch.setattr(start, "Limits", lambda **given: ray_engine.Limits(floor_s=6.0, **given))


def test_a_machine_that_cannot_read_the_recordings_is_no_recordings_fault(on_cluster: On, tmp_path: Path) -> None:
    """Also where it is the only recording that is left: nobody waits for ever for the job that ends the batch."""
    recordings = day(tmp_path / "day", (), bad=False)
    (recordings / "unread.wav").write_bytes(clip(CLIPS[1], 1.5))
    old(recordings)
    ran = on_cluster(recordings)
    assert ran.code == 3 and "读不到这个录音" in ran.err and "挂载" in ran.err
    assert content(tmp_path / "ray.db")["quarantine"] == Counter()
    assert begun(tmp_path)["unread.wav"] == 2


def test_another_version_of_the_program_on_a_machine_stops_the_batch(
    on_cluster: On, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(ray_engine.RayEngine, "_program", lambda self: "another")
    ran = on_cluster(day(tmp_path / "day", CLIPS[:1], seconds=1.5, bad=False))
    assert ran.code == 3 and "版本" in ran.err
    assert not (tmp_path / "begun.txt").exists()


def test_recordings_by_address_are_scored_as_files_are(on_cluster: On, qa: Run, forked: None, tmp_path: Path) -> None:
    recordings = day(tmp_path / "day", seconds=1.5)
    ran = on_cluster(f"file://{recordings}", "--json", records=recordings / "calls.csv")
    assert ran.code == 1 and ran.json["scored"] == len(CLIPS) + 1, ran.err
    assert ran.json["problems"][0]["file"] == f"file://{recordings}/text.wav"
    qa("batch", "run", recordings, "--calls", recordings / "calls.csv", "--asr", "demo", "--db", "here.db", "--workers", 2)
    here, there = content(tmp_path / "here.db"), content(tmp_path / "ray.db")
    for name in ("stage results", "blobs", "utterances", "results", "judgements"):
        assert difference({name: here[name]}, {name: there[name]}) == []


def test_a_cluster_without_room_says_so_before_anything_is_done(on_cluster: On, tmp_path: Path) -> None:
    ran = on_cluster(day(tmp_path / "day", CLIPS[:1], seconds=1.5, bad=False), "--ray-gpus", 1)
    assert ran.code == 2 and "没有一台机器放得下" in ran.err and "1 块显卡" in ran.err


# ---------------------------------------------------------------- without a cluster


def test_room_is_counted_by_machine() -> None:
    gib = 1 << 30
    nodes = [
        {"Alive": True, "Resources": {"CPU": 5.0, "memory": 64.0 * gib}},
        {"Alive": True, "Resources": {"CPU": 8.0, "memory": 9.0 * gib, "GPU": 1.0}},
        {"Alive": False, "Resources": {"CPU": 64.0, "memory": 64.0 * gib, "GPU": 8.0}},
        {"Alive": True, "Resources": {"memory": 64.0 * gib}},
    ]

    class Double:
        @staticmethod
        def nodes() -> list[dict[str, Any]]:
            return nodes

    found = room(Double, RayOptions(cpus=2), 4 * gib)
    assert (found.actors, found.memory_bytes) == (2 + 2, int(4.5 * gib) - ray_cluster.SHELL_BYTES)
    assert room(Double, RayOptions(cpus=1, gpus=0.25), 2 * gib).actors == 4
    assert room(Double, RayOptions(cpus=16), gib) == ray_cluster.Room(0, None)


def test_a_head_that_no_longer_answers_ends_the_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ray itself waits, and after a minute ends the process with the exit status of a batch that is over."""
    monkeypatch.setattr(ray_cluster, "ANSWER_S", 0.2)
    never = threading.Event()

    class Silent:
        @staticmethod
        def nodes() -> list[dict[str, Any]]:
            never.wait()
            return []

    with pytest.raises(BatchError, match="头节点"):
        room(Silent, RayOptions(), 1 << 30)
    never.set()


def test_options_of_a_cluster_without_one_are_refused(qa: Run, tmp_path: Path) -> None:
    ran = qa("batch", "run", day(tmp_path / "day", CLIPS[:1], bad=False), "--ray-cpus", 2)
    assert ran.code == 2 and "--engine ray" in ran.err


# ---------------------------------------------------------------- nothing is told to anybody


def test_usage_statistics_are_off_before_ray_is_imported(tmp_path: Path) -> None:
    """In a process of its own: a cluster that the program starts, and what it noted of itself."""
    code = """
import os, sys
os.environ.pop("RAY_USAGE_STATS_ENABLED", None)
from qa.batch import ray_engine, ray_cluster
assert "ray" not in sys.modules
ray, joined = ray_cluster.join("local")
from ray._common.usage import usage_lib
print(joined, usage_lib.usage_stats_enabled(), ray_cluster._tells_its_makers())
ray.shutdown()
"""
    environment = {k: v for k, v in os.environ.items() if k != "RAY_ADDRESS"} | {"HOME": str(tmp_path)}  # Ray keeps a token there
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=False)
    assert ran.stdout.split() == ["True", "False", "False"], ran.stderr


def test_a_cluster_with_usage_statistics_is_refused(cluster: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a cluster notes of itself with them on is written by Ray's own function; none is started so."""
    from ray._common.usage import usage_constants, usage_lib
    from ray.experimental import internal_kv

    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "1")
    noted = json.dumps(usage_lib._generate_cluster_metadata(ray_init_cluster=False))
    ray.init(address=cluster.address, log_to_driver=False)
    internal_kv._internal_kv_put(usage_constants.CLUSTER_METADATA_KEY, noted, namespace=b"cluster")
    ray.shutdown()
    with pytest.raises(BatchError, match="使用统计"):
        ray_cluster.join(cluster.address)
    assert os.environ["RAY_USAGE_STATS_ENABLED"] == "0"
