"""How a script gets its variables and gives back its output: one module a contract.

A contract says before the start which arguments, standard input and environment the script gets, and after its end
what the run came to. Everything else is the same for all of them.
"""

from __future__ import annotations

from scriptrun_runner.contracts.base import Contract

TYPE_CHECKING = False
if TYPE_CHECKING:
    from scriptrun_runner.paths import Paths
    from scriptrun_runner.spec import RunSpec

__all__ = ["Contract", "load_contract"]


def load_contract(spec: RunSpec, paths: Paths) -> Contract:
    """Make the contract of a run; only its own module is imported."""
    if spec.contract == "stdio":
        from scriptrun_runner.contracts.stdio import StdioContract

        return StdioContract(spec, paths)
    if spec.contract == "stream":
        from scriptrun_runner.contracts.stream import StreamContract

        return StreamContract(spec, paths)
    if spec.contract == "package":
        from scriptrun_runner.contracts.package import PackageContract

        return PackageContract(spec, paths)
    from scriptrun_runner.contracts.files import FilesContract

    return FilesContract(spec, paths)
