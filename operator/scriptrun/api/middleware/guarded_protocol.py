"""HTTP for callers who may mean no good: headers have so much time and room, and answers so much time to be taken."""

import asyncio

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

__all__ = ["HEAD_LIMIT_BYTES", "GuardedProtocol"]

HEAD_LIMIT_BYTES = 65_536
"""Of a request's line and headers, and of what follows a body in chunks."""


class GuardedProtocol(HttpToolsProtocol):
    """Hangs up on who does not get their headers sent, or takes nothing of the answer. uvicorn's own has no limits."""

    header_seconds = 10.0
    send_seconds = 60.0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start the clock."""
        self._header_timer: asyncio.TimerHandle | None = None
        self._send_timer: asyncio.TimerHandle | None = None
        self._unparsed = self._fields = 0
        super().connection_made(transport)
        self._expect_headers()

    def data_received(self, data: bytes) -> None:
        """Take what comes, as long as it is little or makes sense."""
        if self.cycle is None or self.cycle.response_complete:
            self._expect_headers()
        self._unparsed += len(data)  # the parser keeps an unfinished field to itself
        super().data_received(data)
        if max(self._unparsed, self._fields) > HEAD_LIMIT_BYTES:
            self.transport.close()

    def pause_writing(self) -> None:
        """Start the clock: what was written is to be taken before there is more."""
        super().pause_writing()
        if self._send_timer is None:
            # Closing would wait for what is written already.
            self._send_timer = self.loop.call_later(self.send_seconds, self.transport.abort)

    def resume_writing(self) -> None:
        """Stop the clock."""
        super().resume_writing()
        self._stop_send_timer()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the clock."""
        super().connection_lost(exc)
        self._stop_send_timer()

    def _stop_send_timer(self) -> None:
        if self._send_timer is not None:
            self._send_timer.cancel()
            self._send_timer = None

    def on_message_begin(self) -> None:
        """Begin to count."""
        super().on_message_begin()
        self._unparsed = self._fields = 0

    def on_url(self, url: bytes) -> None:
        """Count what uvicorn keeps."""
        super().on_url(url)
        self._unparsed = 0
        self._fields += len(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Count what uvicorn keeps."""
        super().on_header(name, value)
        self._unparsed = 0
        self._fields += len(name) + len(value)

    def on_body(self, body: bytes) -> None:
        """Leave the body to those who know its limit."""
        super().on_body(body)
        self._unparsed = 0

    def _expect_headers(self) -> None:
        if self._header_timer is None:
            self._header_timer = self.loop.call_later(self.header_seconds, self._look_for_headers, self.cycle)

    def _look_for_headers(self, before: object) -> None:
        self._header_timer = None
        if self.cycle is before and not self.transport.is_closing():
            self.transport.close()
