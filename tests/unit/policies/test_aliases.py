"""The names that Scripts answer to."""

from hypothesis import given
from hypothesis import strategies as st

from scriptrun.policies.aliases import ScriptNames, suggest_name

NAMES = st.sampled_from("abcd")
CHANGES = st.lists(st.tuples(NAMES, st.none() | st.frozensets(NAMES, max_size=3)), max_size=12)


def build(scripts: dict[str, frozenset[str]]) -> ScriptNames:
    names = ScriptNames()
    for script, aliases in scripts.items():
        names.put(("n", script), aliases)
    return names


def test_a_script_answers_to_its_name_and_its_aliases_in_its_namespace() -> None:
    names = build({"order-import.py": frozenset({"Order Import.py", "etl/import.py"})})
    for name in ("order-import.py", "Order Import.py", "etl/import.py"):
        assert names.find("n", name) == ["order-import.py"]
    assert names.find("n", "order import.py") == []
    assert names.find("other", "Order Import.py") == []
    assert names.list_names("n") == ["Order Import.py", "etl/import.py", "order-import.py"]


def test_two_scripts_with_one_alias_clash_and_are_both_named() -> None:
    names = build({"a": frozenset({"x"}), "b": frozenset({"x"}), "c": frozenset({"y"})})
    assert names.find("n", "x") == ["a", "b"]
    for script in ("a", "b"):
        assert '"x" is an alias of several Scripts: a, b' in names.find_clash(("n", script))
    assert names.find_clash(("n", "c")) == ""


def test_an_alias_of_thousands_of_scripts_costs_no_more_than_that_of_a_few() -> None:
    names = build({f"s{number:04}": frozenset({"x"}) for number in range(3000)})
    assert names.put(("n", "t"), ["x"]) == set()
    assert names.find("n", "x") == ["s0000", "s0001", "s0002", "s0003", "s0004", "s0005"]
    assert "several Scripts: s0000, s0001, s0002, s0003, s0004 and others: leave" in names.find_clash(("n", "t"))


def test_no_alias_takes_over_the_name_of_another_script() -> None:
    names = build({"a": frozenset({"b"}), "b": frozenset()})
    assert names.find("n", "b") == ["b"]
    assert names.find_clash(("n", "a")) == 'alias "b" is the name of another Script: choose another alias'
    assert names.find_clash(("n", "b")) == ""


def test_a_scripts_own_name_may_be_among_its_aliases() -> None:
    names = build({"a": frozenset({"a"})})
    assert names.find("n", "a") == ["a"]
    assert names.find_clash(("n", "a")) == ""


@given(CHANGES)
def test_whoever_clashes_or_no_longer_clashes_is_told_of(changes: list[tuple[str, frozenset[str] | None]]) -> None:
    names, scripts = ScriptNames(), dict[str, frozenset[str]]()
    for script, aliases in changes:
        before = {other: names.find_clash(("n", other)) for other in scripts}
        if aliases is None:
            told = names.drop(("n", script))
            scripts.pop(script, None)
        else:
            told = names.put(("n", script), aliases)
            scripts[script] = aliases
        after = {other: names.find_clash(("n", other)) for other in scripts}
        changed = {other for other in after if before.get(other, "") != after[other]}
        assert changed - {script} <= {other for _, other in told}
        fresh = build(scripts)
        assert after == {other: fresh.find_clash(("n", other)) for other in scripts}
        assert {name: names.find("n", name) for name in "abcd"} == {name: fresh.find("n", name) for name in "abcd"}


def test_the_nearest_name_is_suggested_and_a_long_one_is_not_searched_for() -> None:
    names = ["hello.py", "order-import.py"]
    assert suggest_name("helo.py", names) == "hello.py"
    assert suggest_name("nothing-alike", names) == ""
    assert suggest_name("hello.py" * 1000, names) == ""
