"""The socket of ``qa serve``."""

from __future__ import annotations

import asyncio
import socket

from qa.web.running import _socket


def test_what_a_page_writes_is_sent_at_once() -> None:
    """Head and body of an answer are written apart: with Nagle's algorithm the second waits for the client's delayed acknowledgement."""

    async def without_delay() -> int:
        found: asyncio.Future[int] = asyncio.get_running_loop().create_future()

        def connected(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            found.set_result(writer.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
            writer.close()

        listening = _socket("127.0.0.1", 0)
        server = await asyncio.start_server(connected, sock=listening)
        async with server:
            _, writer = await asyncio.open_connection(*listening.getsockname())
            result = await asyncio.wait_for(found, 10)
            writer.close()
        return result

    assert asyncio.run(without_delay()) == 1
