"""Contract `package`: name and variables in argv, configuration by `ferris_cli`."""

from __future__ import annotations

from unit.runner.harness import RunScript

_SCRIPT = """
import json, sys
from ferris_cli.v2 import ApplicationConfigurator
arguments = json.loads(sys.argv[1])
print(arguments, ApplicationConfigurator.get(arguments["package_name"]))
"""


def test_arguments_and_configuration(run_script: RunScript) -> None:
    variables = {"a": "é", "package_name": "another"}
    done = run_script(
        _SCRIPT, handler="python", contract="package", script="etl", variables=variables, config={"k": [1]}
    )
    assert done.result.message == ""
    assert done.shown[1].decode() == "{'a': 'é', 'package_name': 'etl'} {'k': [1]}\n"
    assert done.output() == {}


def test_another_package_s_configuration_is_refused(run_script: RunScript) -> None:
    script = "from ferris_cli.v2 import ApplicationConfigurator\nApplicationConfigurator.get('other')"
    done = run_script(script, handler="python", contract="package", script="etl")
    assert done.result.exit_code == 1
    assert "the configuration of 'other' is not here, only that of 'etl'" in done.result.message


def test_the_module_is_there_for_packages_only(run_script: RunScript) -> None:
    done = run_script("import ferris_cli", handler="python", contract="files")
    assert "No module named 'ferris_cli'" in done.result.message


def test_output_by_file_and_exit_code(run_script: RunScript) -> None:
    done = run_script("echo '{\"a\": 1}' > $SCRIPTRUN_OUTPUT; test $# = 1", contract="package")
    assert done.output() == {"a": 1}
    assert run_script("exit 5", contract="package").result.exit_code == 5


def test_more_variables_than_one_argument_may_have(run_script: RunScript) -> None:
    done = run_script("true", contract="package", variables={"a": "x" * 140_000})
    assert (done.result.reason, done.result.exit_code) == ("ScriptFailed", 126)
    assert "one argument may have 131,072 bytes" in done.result.message
    assert "SCRIPTRUN_VARIABLES" in done.result.message
