"""Keeping a bounded part of an unbounded stream."""

from __future__ import annotations

from threading import Lock

__all__ = ["Capture", "Tail", "cut_front"]


class Tail:
    """The last bytes of one or more streams; pumps may write at the same time."""

    def __init__(self, limit_bytes: int) -> None:
        self._limit_bytes = limit_bytes
        self._buffer = bytearray()
        self._total_bytes = 0
        self._lock = Lock()

    def write(self, data: bytes) -> None:
        """Add `data`, and forget what has become too old."""
        with self._lock:
            self._total_bytes += len(data)
            self._buffer += data[-self._limit_bytes :]
            if len(self._buffer) > 2 * self._limit_bytes:
                del self._buffer[: -self._limit_bytes]

    def text(self) -> str:
        """The text kept, at most `limit_bytes` as UTF-8, in whole characters.

        Bytes that are no UTF-8 show as U+FFFD.
        """
        with self._lock:
            return cut_front(self._buffer.decode("utf-8", "replace"), self._limit_bytes)

    def labelled_text(self) -> str:
        """`text`, beginning with a line that says so when there was more."""
        text = self.text()
        with self._lock:
            complete = self._total_bytes == len(self._buffer) and text == self._buffer.decode("utf-8", "replace")
            label = f"[{self._total_bytes:,} bytes were written; these are the last of them]\n"
        return text if complete else label + cut_front(text, self._limit_bytes - len(label))


class Capture:
    """The first bytes of a stream, and the number of all.

    Attributes:
        data: what was kept.
        total_bytes: what was written.
    """

    def __init__(self, limit_bytes: int) -> None:
        self._limit_bytes = limit_bytes
        self._buffer = bytearray()
        self.total_bytes = 0

    def write(self, data: bytes) -> None:
        """Add `data` as far as there is room, and count it."""
        room = self._limit_bytes - len(self._buffer)
        if room > 0:
            self._buffer += data[:room]
        self.total_bytes += len(data)

    @property
    def data(self) -> bytes:
        """What was kept."""
        return bytes(self._buffer)


def cut_front(text: str, limit_bytes: int) -> str:
    """Keep the end of `text`: at most `limit_bytes` as UTF-8, whole characters."""
    data = text.encode("utf-8", "replace")
    return data[max(len(data) - limit_bytes, 0) :].decode("utf-8", "ignore")
