"""Hostile expressions and hostile values: each is an error or a value, within the limits of a worker process."""

import json
import resource
import subprocess
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest

from helm import ROOT
from scriptrun.policies.expressions.cost import is_quick
from scriptrun.policies.expressions.faults import Fault
from scriptrun.policies.expressions.render import Scope, prepare, render
from scriptrun.runtime.expressions import RENDERED_BY, Expressions
from scriptrun.runtime.worker_pool import WorkerPool
from scriptrun.runtime.worker_process import WorkerLimits

LIMITS = WorkerLimits(processes=1, cpu_seconds=2.0, memory_mib=256)
NOW = datetime(2026, 1, 1, tzinfo=UTC)
LARGE = {"text": "a" * 800_000, "list": [{"a": number, "b": "x" * 20} for number in range(20_000)]}
SMALL = {"text": "a" * 500, "list": list(range(100))}


def _nest(value: Any, levels: int) -> Any:
    for _ in range(levels):
        value = [value]
    return value


GROW = ".map(a, a + a + a + a + a + a + a + a + a + a)"
EXPRESSIONS = {
    "parentheses": "(" * 1900 + "1" + ")" * 1900,
    "lists": "[" * 1900 + "]" * 1900,
    "negations": "!" * 4000 + "true",
    "minus": "-" * 4000 + "1",
    "conditions": "true ? 1 : " * 300 + "2",
    "sum": "1" + "+1" * 2000,
    "members": "input" + ".a" * 2000,
    "positions": "input" + "[0]" * 1300,
    "defaults": "default(input.a, " * 200 + "1" + ")" * 200,
    "default of many members": f"default(input{'.a' * 500}, 1)",
    "growing": f"[input.text]{GROW * 12}",
    "concatenation": " + ".join(["input.text"] * 300),
    "nested loops": "input.list.all(a, input.list.all(b, input.list.all(c, input.list.all(d, a == b || c != d))))",
    "map of all": "input.list.map(a, input.list.map(b, [a, b, input.text]))",
    "filter": "input.list.filter(a, input.list.exists(b, b == a))",
    "regex": f"input.text.matches('({'a?' * 500}){'a' * 500}$')",
    "large regex": "input.text.matches('((a{1000}){1000}){1000}')",
    "alternatives": "input.text.matches('(a|aa)+$')",
    "replace": "input.text.replace('a', input.text)",
    "replace again": "input.text.replace('a', input.text).replace('a', input.text)",
    "join": "input.text.split('').join(input.text)",
    "json of json": "json(" * 28 + "input.text + '\"'" + ")" * 28,
    "base64 of base64": "base64(" * 28 + "input.text" + ")" * 28,
    "quotes": "'\\'' + " * 900 + "''",
    "unending text": "'" * 3 + "a" * 4000,
    "comment": "1 //" + "x" * 4000,
    "backticks": "input" + ".`a`" * 900,
    "date format": f"date('{'%Y' * 1900}')",
    "format": "'%s'.format([input.text])" + " + '%s'.format([input.text])" * 100,
    "power": "9223372036854775807 * 9223372036854775807",
}
VALUES = {
    "deep": _nest(1, 600),
    "wide": LARGE,
    "huge integer": {"list": [10**4000], "text": "a"},
    "surrogate": {"text": "\ud800", "list": []},
    "null character": {"text": "a\0b", "list": ["\0"]},
    "strange keys": {"": 1, "a b": 2, '"': 3, "{{": 4, "text": "", "list": []},
    "small": SMALL,
}


@pytest.fixture
async def expressions() -> AsyncIterator[Expressions]:
    async with WorkerPool(LIMITS, RENDERED_BY) as pool:
        yield Expressions(pool)


@pytest.mark.parametrize("name", EXPRESSIONS)
async def test_an_expression_ends_within_the_limits(name: str, expressions: Expressions) -> None:
    for value in (LARGE, SMALL):
        document = {"x": f"{{{{ {EXPRESSIONS[name]} }}}}"}
        ended = await expressions.render("space", document, "p", Scope({"input": value}, "", NOW))
        assert isinstance(ended, Fault) or len(json.dumps(ended)) < 1_000_000


@pytest.mark.parametrize("name", VALUES)
async def test_a_value_ends_within_the_limits(name: str, expressions: Expressions) -> None:
    document = {"a": "{{ input.list + ['x'] }}", "b": "{{ input.text + input.text }}", "c": "{{ json(input) }}"}
    for part in ({key: text} for key, text in document.items()):
        ended = await expressions.render("space", part, "p", Scope({"input": VALUES[name]}, "", NOW))
        assert isinstance(ended, Fault) or len(json.dumps(ended)) < 1_800_000


async def test_what_goes_on_after_a_worker_died_is_evaluated(expressions: Expressions) -> None:
    scope = Scope({"input": LARGE}, "", NOW)
    ended = await expressions.render("space", "{{ input.text.replace('a', input.text) }}", "p", scope)
    assert isinstance(ended, Fault)
    assert "of memory" in ended.message or "of CPU" in ended.message
    assert await expressions.render("space", "{{ input.list.exists(x, x.a == 3) }}", "p", scope) is True


def test_what_is_done_at_once_takes_little_cpu_and_memory() -> None:
    code = "from unit.hostile.test_expressions import evaluate_quick_ones; evaluate_quick_ones()"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT / "tests", stdout=subprocess.PIPE, text=True)
    assert done.returncode == 0
    assert int(done.stdout) >= 20


def evaluate_quick_ones() -> None:
    """Evaluate, in a process of its own, all that would not be given to a worker."""
    resource.setrlimit(resource.RLIMIT_CPU, (4, 4))
    resource.setrlimit(resource.RLIMIT_DATA, (512 * 2**20,) * 2)
    done = 0
    for source in EXPRESSIONS.values():
        for value in (LARGE, SMALL):
            scope = Scope({"input": value}, "", NOW)
            prepared = prepare(f"{{{{ {source} }}}}", "p", scope)
            if isinstance(prepared, Fault):
                done += 1
            elif prepared[1]:
                render(f"{{{{ {source} }}}}", "p", prepared[0])
                done += 1
    print(done)  # noqa: T201


def test_a_macro_on_little_is_quick_and_on_much_is_not() -> None:
    for value, expected in ((SMALL, True), (LARGE, False)):
        prepared = prepare("{{ input.list.map(x, 1) }}", "p", Scope({"input": value}, "", NOW))
        assert not isinstance(prepared, Fault)
        assert prepared[1] is expected
    assert is_quick([], {})
