"""A worker process: computes one thing at a time, as told on stdin, under limits that end the process.

``python -m scriptrun.runtime.worker CPU_SECONDS MEMORY_MIB MODULE…`` limits itself, imports the modules, says that it
is ready, and then answers requests until its stdin ends: when its parent is gone, however that ended.

A message is its length (8 bytes, big-endian) and JSON. A request is ``[module, function, arguments]``; an answer is
``{"result": …}`` or ``{"error": …}``. Not pickle: the worker handles what anybody may have written, and its parent must
not run code for it.
"""

import gc
import json
import os
import resource
import signal
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Any, BinaryIO

__all__ = ["HEAD_BYTES", "OUT_OF_MEMORY", "decode", "encode", "main"]

HEAD_BYTES = 8
OUT_OF_MEMORY = 78
"""Exit code of a worker that ran into its limit of memory."""

_NICENESS = 5  # the event loop that waits for it goes first
_MIB = 2**20


def encode(message: object) -> bytes:
    """Encode a message. Half surrogate pairs, which JSON may hold and UTF-8 may not, pass through."""
    body = json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode(errors="surrogatepass")
    return len(body).to_bytes(HEAD_BYTES, "big") + body


def decode(body: bytes) -> Any:
    """Decode a message without its head."""
    return json.loads(body.decode(errors="surrogatepass"))


def main(arguments: Sequence[str]) -> None:
    """Work until stdin ends.

    Args:
        arguments: CPU seconds for each request, MiB of memory, and modules to import beforehand.
    """
    cpu_seconds, memory_mib, *modules = arguments
    requests, answers = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # nothing but answers may come between the answers
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # meant for the parent, which ends its workers itself
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    os.nice(_NICENESS)
    _volunteer_to_be_killed()
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    for module in modules:
        import_module(module)
    limit = int(memory_mib) * _MIB
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    gc.disable()  # what a request leaves is collected after it
    try:
        _answer_forever(requests, answers, float(cpu_seconds))
    except MemoryError:
        os._exit(OUT_OF_MEMORY)
    except BrokenPipeError:
        os._exit(0)  # the parent is gone
    except BaseException as error:  # a panic of native code; its message may quote what must not be shown
        os.write(2, f"worker process ends: {type(error).__name__}\n".encode())
        os._exit(1)


def _volunteer_to_be_killed() -> None:
    """When memory runs out, let the kernel end this process and not its parent."""
    try:
        with open("/proc/self/oom_score_adj", "w", encoding="ascii") as file:
            file.write("1000")
    except OSError:
        return


def _answer_forever(requests: BinaryIO, answers: BinaryIO, cpu_seconds: float) -> None:
    answers.write(encode({"result": "ready"}))
    answers.flush()
    while head := requests.read(HEAD_BYTES):
        body = requests.read(int.from_bytes(head, "big"))
        # Its signal ends the process, also within native code that never returns to Python.
        signal.setitimer(signal.ITIMER_PROF, cpu_seconds)
        answer = encode(_compute(body))
        signal.setitimer(signal.ITIMER_PROF, 0)
        answers.write(answer)
        answers.flush()
        del body, answer
        gc.collect()


def _compute(body: bytes) -> dict[str, Any]:
    module, function, arguments = decode(body)
    try:
        return {"result": getattr(import_module(module), function)(*arguments)}
    except MemoryError:
        raise
    except Exception as error:
        # Not its message, which may quote what must not be shown.
        trace = error.__traceback__
        while trace is not None and trace.tb_next is not None:
            trace = trace.tb_next
        place = f"{os.path.basename(trace.tb_frame.f_code.co_filename)}:{trace.tb_lineno}" if trace else "?"
        return {"error": f"{type(error).__name__} at {place}"}


if __name__ == "__main__":
    main(sys.argv[1:])
