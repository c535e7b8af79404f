"""The collection of cyclic garbage, which holds the event loop for as long as it looks through what is alive."""

import gc

__all__ = ["spare_collecting"]

_COLLECT_AFTER = 10_000


def spare_collecting() -> None:
    """Look for garbage more rarely, and not among what is there now and stays. Call it once the caches are filled.

    With ten thousand runs known, a full collection takes 50 ms and more; and one large document of small lists, which
    takes 20 ms to parse, would make ten of them.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_COLLECT_AFTER, 10, 10)
