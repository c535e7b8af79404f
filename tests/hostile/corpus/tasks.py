"""What workflows in a real Zeebe and a real Conductor hand out: as far as those take it, it is what a bridge gets."""

from hostile.corpus.case import ACCEPTED, BAD_VARIABLES, NO_SCRIPT, TOO_LARGE, TaskCase
from hostile.corpus.make import nest_objects, text, wide

SCRIPT = "plus.py"
"""A Script whose variable ``s`` must match ``^(a+)+$``; its runs never start."""

TASKS: list[TaskCase] = [
    TaskCase(
        name=f"{orchestrator}-{name}", why=why, ends=ends, orchestrator=orchestrator, script=script, variables=variables
    )
    for orchestrator in ("zeebe", "conductor")
    for name, why, ends, script, variables in (
        (
            "nested-plus",
            "ReDoS: a value with 2^n ways to match",
            (BAD_VARIABLES,),
            SCRIPT,
            lambda: {"s": text(40)},
        ),
        (
            "nested-150",
            "nesting within the limit of 200 levels",
            (ACCEPTED, BAD_VARIABLES),
            SCRIPT,
            lambda: {"s": "a", "d": nest_objects(150)},
        ),
        (
            "nested-300",
            "nesting beyond the limit of 200 levels",
            (BAD_VARIABLES,),
            SCRIPT,
            lambda: {"s": "a", "d": nest_objects(300)},
        ),
        ("keys-10000", "size: 10,000 variables", (ACCEPTED,), SCRIPT, lambda: {"s": "a", "d": wide(10_000)}),
        ("string-1-mb", "size: more than a run can hold", (TOO_LARGE,), SCRIPT, lambda: {"s": "a" * 1_000_000}),
        (
            "control-characters",
            "terminal escapes: the message quotes the value",
            (BAD_VARIABLES,),
            SCRIPT,
            lambda: {"s": "\x1b]0;owned\x07"},
        ),
        ("script-line-break", "injection: line breaks in a Script's name", (NO_SCRIPT,), "a\nb", dict),
        ("script-200-kb", "size: a Script's name of 200 kB", (NO_SCRIPT,), "x" * 200_000, dict),
    )
]
TASKS.append(
    TaskCase(
        name="zeebe-headers-2000",
        why="2,000 task headers",
        ends=(NO_SCRIPT,),
        orchestrator="zeebe",
        script="nowhere.py",
        headers=lambda: {f"h{number}": "x" * 20 for number in range(2000)},
    )
)
