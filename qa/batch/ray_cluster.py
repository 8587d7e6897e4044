"""A Ray cluster as the batch uses it: how it is joined, what it has room for, and that it tells nobody outside of the house."""

from __future__ import annotations

import atexit
import json
import logging
import os
import queue
import threading
from dataclasses import dataclass
from typing import Any

from qa.batch.machine import cores
from qa.errors import BatchError

SHELL_BYTES = 150 << 20
"""What an actor needs beside its worker."""


@dataclass(frozen=True)
class RayOptions:
    """``address``: of the cluster as Ray takes it (``auto``, ``host:port``, ``ray://…``), or ``local`` for one on this machine.

    ``cpus`` (= threads) and ``gpus`` that each worker takes; ``workers``: as many as the cluster has room for unless told.
    """

    address: str = "auto"
    cpus: int = 1
    gpus: float = 0.0
    workers: int | None = None


@dataclass(frozen=True)
class Room:
    """What a cluster has room for: ``actors``, and bytes of memory for each worker (None where there is no room)."""

    actors: int
    memory_bytes: int | None


LEAVE_S = 10.0
ANSWER_S = 30.0
"""A cluster whose head does not answer for so long has none."""


def nodes(ray: Any) -> list[dict[str, Any]]:
    """The machines.  Errors: :class:`BatchError` where the head does not answer; Ray itself would ask it for ever."""
    answers: queue.SimpleQueue[list[dict[str, Any]] | Exception] = queue.SimpleQueue()

    def ask() -> None:
        try:
            answers.put(ray.nodes())
        except Exception as error:
            answers.put(error)

    threading.Thread(target=ask, daemon=True).start()
    try:
        answer = answers.get(timeout=ANSWER_S)
    except queue.Empty:
        answer = TimeoutError(f"{ANSWER_S:.0f} 秒没有回答")
    if isinstance(answer, Exception):
        raise BatchError("Ray 集群", f"与头节点的连接断了（{answer}）", "请检查集群，再重新运行；程序会接着做") from answer
    return answer


def leave(ray: Any) -> None:
    """End the connection; one whose other end has gone is left to the end of the process."""
    ending = threading.Thread(target=ray.shutdown, daemon=True)
    ending.start()
    ending.join(LEAVE_S)
    if ending.is_alive():
        atexit.unregister(ray.shutdown)


def room(ray: Any, how: RayOptions, need_bytes: int) -> Room:
    """Room for actors that take ``need_bytes`` each, by machine: an actor lies on one of them."""
    count, shares = 0, []
    for node in nodes(ray):
        has = node["Resources"]
        memory = int(has.get("memory", 0))
        fits = [int(has.get("CPU", 0) // how.cpus), memory // need_bytes]
        fits += [int(has.get("GPU", 0) / how.gpus)] if how.gpus else []
        if node["Alive"] and min(fits) > 0:
            count += min(fits)
            shares.append(memory // min(fits) - SHELL_BYTES)
    return Room(count, min(shares, default=None))


def options(threads: int, gpus: float, memory_bytes: int) -> dict[str, Any]:
    """What Ray is to give an actor; it is never restarted by Ray, so that each job's fate is known."""
    taken = {"num_cpus": threads, "num_gpus": gpus, "memory": memory_bytes, "scheduling_strategy": "SPREAD"}
    return taken | {"max_restarts": 0, "max_task_retries": 0, "max_concurrency": 1}


def join(address: str) -> tuple[Any, bool]:
    """Ray, joined to the cluster; whether it is this engine's to leave it."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"  # read as Ray is imported and as a cluster starts: nothing is told to its makers
    # without its head Ray would end this process by itself after a minute, with the exit status of a batch that is over
    os.environ.setdefault("RAY_gcs_rpc_server_reconnect_timeout_s", "600")
    try:
        import ray
    except ImportError as error:
        raise BatchError("--engine ray", "没有安装 Ray", "请安装 qa-callcentre[cluster]") from error
    if ray.is_initialized():
        return ray, False
    from ray._private import worker

    worker._worker_logs_enabled = False  # what machines say of themselves goes to Ray's logs: standard output is the report's
    own: dict[str, Any] = {"num_cpus": cores(), "include_dashboard": False} if address == "local" else {}
    try:
        ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR, **own)
    except Exception as error:  # what it raises depends on the kind of address and on the release
        said = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise BatchError(
            f"--address {address}", f"连不上 Ray 集群（{said}）", "请检查地址，或先用 ray start 启动（见 docs/cluster.md）"
        ) from error
    if _tells_its_makers():
        ray.shutdown()
        cause = "这个 Ray 集群开着使用统计，会向外发送数据"
        raise BatchError(f"--address {address}", cause, "请用 RAY_USAGE_STATS_ENABLED=0 ray start --disable-usage-stats 重新启动集群")
    return ray, True


def _tells_its_makers() -> bool:
    """Whether the cluster was started with usage statistics: then it has noted more of itself than the two versions."""
    from ray.experimental.internal_kv import _internal_kv_get

    noted = json.loads(_internal_kv_get(b"CLUSTER_METADATA", namespace=b"cluster") or b"{}")
    return "os" in noted or "git_commit" in noted
