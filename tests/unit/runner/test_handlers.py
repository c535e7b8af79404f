"""What executes a source, and what is said when nothing can."""

from __future__ import annotations

import os
import shutil
import signal
from pathlib import Path

import pytest

from unit.runner.harness import Execution, Input, RunScript


def test_python_names_the_file_in_its_traceback(run_script: RunScript) -> None:
    done = run_script("x = 1\nif x\n", handler="python", fileName="report.py")
    assert (done.result.reason, done.result.exit_code) == ("ScriptFailed", 1)
    assert '/run/script/report.py", line 2' in done.result.message
    assert "SyntaxError" in done.result.message


def test_python_runs_apart_from_the_working_folder(run_script: RunScript) -> None:
    script = "import os\nassert os.listdir('.') == [], os.listdir('.')\nprint(os.getcwd())"
    done = run_script(script, handler="python")
    assert done.result.message == ""
    assert done.shown[1].decode().strip() == done.paths.work


@pytest.mark.parametrize("name", ["json.py", "types.py", "sys.py"])
@pytest.mark.parametrize("handler", ["python", "exec"])
def test_a_script_named_like_a_module_of_python_does_not_take_its_place(
    run_script: RunScript, name: str, handler: str
) -> None:
    script = "#!/usr/bin/env python3\nimport enum, json, types, sys\nprint(__file__, json.dumps(sys.argv[1:] and 1))"
    done = run_script(script, handler=handler, fileName=name)
    assert done.result.message == ""
    assert done.shown[1].decode().endswith(f"/run/named/{name} 1\n")


def test_files_beside_the_script(run_script: RunScript, tmp_path: Path) -> None:
    (tmp_path / "input").mkdir()
    for number, text in enumerate(("def greet(name): return f'Hello {name}'", "greeting")):
        (tmp_path / "input" / f"neighbour.{number}").write_text(text)
    script = (
        "import os\nfrom helper import greet\n"
        "print(greet('Ada'), open(os.path.join(os.path.dirname(__file__), 'a.txt')).read(), os.listdir())"
    )
    fields = {"handler": "python", "fileName": "main.py", "neighbours": ["helper.py", "a.txt"]}
    done = run_script(script, **fields)
    assert (done.result.message, done.shown[1]) == ("", b"Hello Ada greeting []\n")
    done = run_script("import helper, calendar, json\nprint(helper.greet('Eve'))", **{**fields, "fileName": "json.py"})
    assert (done.result.message, done.shown[1]) == ("", b"Hello Eve\n")


def test_a_script_may_wipe_its_working_folder(run_script: RunScript) -> None:
    script = 'touch a .b; find . -mindepth 1 -delete; find . -mindepth 1; echo \'{"a": 1}\' > "$2"'
    done = run_script(script)
    assert (done.result.status, done.output(), done.shown[1]) == ("COMPLETED", {"a": 1}, b"")


def test_shell_without_a_first_line_is_bash(run_script: RunScript) -> None:
    assert run_script('[[ abc == a* ]] && echo "$0"').shown[1].endswith(b"/run/script/hello\n")


def test_shell_without_bash_is_sh(run_script: RunScript, tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "sh").symlink_to(shutil.which("sh") or "")
    done = run_script('echo "${BASH_VERSION:-none}"', environ={"PATH": str(tmp_path / "bin")})
    assert done.shown[1] == b"none\n"


def test_shell_follows_the_script_s_first_line(run_script: RunScript) -> None:
    done = run_script("#!/bin/sh -eu\nfalse\necho unreachable")
    assert (done.result.exit_code, done.shown[1]) == (1, b"")
    assert "unbound" in run_script("#!/bin/bash -u\necho $nothing").result.message


def test_node_modules_by_their_ending(run_script: RunScript) -> None:
    assert shutil.which("node"), "install nodejs: the runner image has it"
    script = (
        "import { writeFileSync } from 'fs';\nwriteFileSync(process.argv[3], JSON.stringify({a: import.meta.url}));"
    )
    done = run_script(script, handler="node", fileName="module.mjs")
    assert done.result.message == ""
    assert done.output()["a"].endswith("/run/script/module.mjs")


def test_exec_of_a_source_with_a_first_line(run_script: RunScript) -> None:
    assert run_script("#!/usr/bin/env python3\nprint(1 + 1)", handler="exec").shown[1] == b"2\n"


def test_exec_of_a_program(run_script: RunScript) -> None:
    program = Path("/bin/echo").read_bytes()
    done = run_script(program, handler="exec")
    assert done.shown[1].decode() == f"{done.paths.variables} {done.paths.output}\n"


def test_a_program_for_another_architecture(run_script: RunScript) -> None:
    program = bytearray(Path("/bin/echo").read_bytes())
    program[18:20] = (0xF3, 0) if os.uname().machine != "riscv64" else (0x3E, 0)  # e_machine in the ELF header
    done = run_script(bytes(program), handler="exec")
    assert done.result.exit_code == 126
    assert "exec format error" in done.result.message
    assert f"build it for {os.uname().machine}" in done.result.message


def test_a_program_whose_loader_is_not_in_the_image(run_script: RunScript) -> None:
    """The kernel says "no such file" of a file that is there."""
    program = Path("/bin/echo").read_bytes()
    assert program.count(b"/ld-") == 1
    done = run_script(program.replace(b"/ld-", b"/no-"), handler="exec")
    assert done.result.exit_code == 126
    assert "the dynamic loader that it was linked for is not in the image" in done.result.message


def test_exec_of_a_command_with_the_script_in_it(run_script: RunScript) -> None:
    done = run_script("print(__file__)", handler="exec", command=["python3", "-B", "{script}"], fileName="a.txt")
    assert done.shown[1].endswith(b"/run/script/a.txt\n")


def test_exec_of_a_command_of_the_image(run_script: RunScript) -> None:
    done = run_script(None, handler="exec", command=["/bin/echo", "hi"])
    assert done.shown[1].decode() == f"hi {done.paths.variables} {done.paths.output}\n"


@pytest.mark.parametrize(
    ("source", "fields", "code", "message"),
    [
        (None, {"handler": "python"}, 127, "Script 'hello' has no source to execute with handler 'python'"),
        (None, {"handler": "exec"}, 127, "has no source"),
        (None, {"handler": "exec", "command": ["sh", "{script}"]}, 127, "has no source"),
        ("x", {"handler": "exec"}, 126, "is no program of this machine and has no #! line"),
        ("#!/bin/nosuch -x\n", {"handler": "exec"}, 126, "bad interpreter '/bin/nosuch': not in the image"),
        ("#!\n", {"handler": "exec"}, 126, "bad interpreter ''"),
        ("#!/bin/sh\r\necho\r\n", {}, 126, "has Windows line endings: save it with LF"),
        ("", {"handler": "exec", "command": ["/no/such"]}, 127, "/no/such does not exist in the image"),
        ("", {"handler": "exec", "command": ["nosuch"]}, 127, "'nosuch' is not in the image: none of PATH="),
        ("", {"handler": "exec", "command": ["/etc/passwd"]}, 126, "/etc/passwd is not executable: its mode lacks x"),
        ("", {"handler": "exec", "command": ["/etc"]}, 126, "/etc is a folder"),
        ("", {"handler": "python", "environ": {"PATH": "/nowhere"}}, 127, "'python3' is not in the image"),
        ("", {"handler": "node", "environ": {"PATH": "/nowhere"}}, 127, "'node' is not in the image"),
        ("", {"environ": {"PATH": "/nowhere"}}, 127, "'sh' is not in the image"),
    ],
)
def test_what_can_not_be_started(
    run_script: RunScript, source: str | None, fields: dict[str, object], code: int, message: str
) -> None:
    done = run_script(source, **fields)
    assert (done.result.status, done.result.reason) == ("FAILED", "ScriptFailed")
    assert done.result.exit_code == code
    assert message in done.result.message
    assert done.result.runner_exit_code == code
    assert message in done.result.log
    assert not done.started.is_set()


def test_starting_is_the_same_when_the_process_is_in_the_working_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The way of a pod, by posix_spawn; the other tests go by subprocess."""
    Input(tmp_path / "input", "x", {}, handler="exec")
    execution = Execution(tmp_path)
    monkeypatch.chdir(tmp_path / "work")
    assert execution.run().result.exit_code == 126
    assert "is no program of this machine" in execution.result.message
    Input(tmp_path / "input", "grep SigIgn /proc/self/status; pwd", {})
    words = Execution(tmp_path).run().shown[1].decode().split()
    assert int(words[1], 16) & (1 << signal.SIGPIPE - 1 | 1 << signal.SIGXFSZ - 1) == 0
    assert words[2] == str(tmp_path / "work")


def test_a_folder_that_can_not_be_written(run_script: RunScript, tmp_path: Path) -> None:
    (tmp_path / "run").write_text("in the way")
    done = run_script("true")
    assert (done.result.reason, done.result.exit_code) == ("ScriptFailed", 126)
    assert "the script could not be laid out" in done.result.message


def test_descriptors_are_not_left_open(run_script: RunScript) -> None:
    before = len(os.listdir("/proc/self/fd"))
    run_script("true")
    run_script("x", handler="exec")
    assert len(os.listdir("/proc/self/fd")) == before


@pytest.mark.parametrize("contract", ["files", "package", "stdio", "stream"])
def test_windows_line_ends_without_a_first_line_are_named(run_script: RunScript, contract: str) -> None:
    result = run_script("name=world\r\necho $name\r\n", contract=contract).result
    assert (result.reason, result.exit_code) == ("ScriptFailed", 126)
    assert result.message.endswith("has Windows line endings: save it with LF, not CR LF")


@pytest.mark.parametrize(
    "fields",
    [{}, {"contract": "stream"}, {"handler": "exec"}, {"handler": "exec", "command": ["/bin/bash", "{script}"]}],
)
def test_windows_line_ends_behind_a_first_line_are_named(run_script: RunScript, fields: dict[str, object]) -> None:
    result = run_script("#!/bin/bash\nif true; then\r\n  echo ok\r\nfi\r\n", **fields).result
    assert result.reason == "ScriptFailed"
    assert "; line 2 of the script ends with CR LF, as in Windows" in result.message
    assert "syntax error" in result.message


@pytest.mark.parametrize(
    ("source", "fields"),
    [
        ("exit 3", {}),
        ("import sys\r\nsys.exit(3)\r\n", {"handler": "python"}),
        ("#!/usr/bin/env python3\nimport sys\r\nsys.exit(3)\r\n", {"handler": "exec"}),
        (None, {"handler": "exec", "command": ["/bin/false"]}),
    ],
)
def test_others_say_nothing_of_line_ends(run_script: RunScript, source: str | None, fields: dict[str, object]) -> None:
    result = run_script(source, **fields).result
    assert result.reason == "ScriptFailed"
    assert result.message.startswith("exit code")
    assert "CR LF" not in result.message


@pytest.mark.parametrize("handler", ["shell", "exec", "python", "node"])
@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf_16_is_named(run_script: RunScript, handler: str, encoding: str) -> None:
    result = run_script("\ufeffprint(1)\n".encode(encoding), handler=handler).result
    assert (result.reason, result.exit_code) == ("ScriptFailed", 126)
    assert result.message.endswith("is UTF-16, by its byte order mark: save it as UTF-8 without one")


@pytest.mark.parametrize("handler", ["shell", "exec", "node"])
def test_a_byte_order_mark_before_a_first_line_is_named(run_script: RunScript, handler: str) -> None:
    result = run_script("\ufeff#!/bin/sh\ntrue\n", handler=handler).result
    assert (result.reason, result.exit_code) == ("ScriptFailed", 126)
    assert result.message.endswith("begins with a byte order mark: save it as UTF-8 without one")


@pytest.mark.parametrize(("handler", "source"), [("python", "print(1)\r\n"), ("node", "console.log(1)\r\n")])
def test_windows_line_ends_and_a_byte_order_mark_do_no_harm(run_script: RunScript, handler: str, source: str) -> None:
    done = run_script("\ufeff" + source, handler=handler)
    assert (done.result.status, done.shown[1]) == ("COMPLETED", b"1\n")
