"""The options that say where the workers run: on this machine or on a Ray cluster, how many, and their limits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import typer

from qa.errors import BatchError

if TYPE_CHECKING:
    from qa.batch.start import Choice

Workers = Annotated[int | None, typer.Option("--workers", min=1, help="工作进程数；默认按处理器和空闲内存")]
Factor = Annotated[float | None, typer.Option("--timeout-factor", min=0.1, help="每个文件最多用时长的多少倍（另加 120 秒）；默认 6")]
Memory = Annotated[int | None, typer.Option("--memory-limit", min=256, help="每个工作进程的内存上限（MiB）；默认按空闲内存平分")]
Engine = Annotated[
    Literal["local", "ray"], typer.Option("--engine", help="工作进程在哪里：本机（local）或 Ray 集群（ray，见 docs/cluster.md）")
]
Address = Annotated[
    str | None, typer.Option("--address", help="Ray 集群的地址；默认 auto", metavar="auto|HOST:PORT|ray://…", show_default=False)
]
Cpus = Annotated[int | None, typer.Option("--ray-cpus", min=1, help="集群上每个工作进程用几个处理器；默认 1")]
Gpus = Annotated[float | None, typer.Option("--ray-gpus", min=0.0, help="集群上每个工作进程用几块显卡（可以是小数）；默认 0")]


def choice(
    engine: str,
    cluster: tuple[str | None, int | None, float | None],
    workers: int | None,
    timeout_factor: float | None,
    memory_mib: int | None,
) -> Choice:
    """What was asked for; ``cluster``: address, processors and graphics cards of each worker.

    Errors: :class:`BatchError` where options of a cluster are given without one.
    """
    from qa.batch.start import Choice

    memory = None if memory_mib is None else memory_mib << 20
    address, cpus, gpus = cluster
    if engine == "local":
        if cluster != (None, None, None):
            raise BatchError("--address、--ray-cpus、--ray-gpus", "只用于 Ray 集群", "请加上 --engine ray")
        return Choice(workers, timeout_factor, memory)
    from qa.batch.ray_cluster import RayOptions

    return Choice(workers, timeout_factor, memory, RayOptions(address or "auto", cpus or 1, gpus or 0.0))
