"""The kinds of ``scriptrun.dev/v1alpha1`` as pydantic models: the one source of the CRDs and of validation. No I/O."""

from scriptrun.models.bridge import Bridge, BridgeSpec, BridgeStatus
from scriptrun.models.script import Script, ScriptSpec, ScriptStatus
from scriptrun.models.scriptrun import ScriptRun, ScriptRunSpec, ScriptRunStatus
from scriptrun.models.workflow import Workflow, WorkflowSpec, WorkflowStatus
from scriptrun.models.workflowrun import WorkflowRun, WorkflowRunSpec, WorkflowRunStatus

__all__ = [
    "Bridge",
    "BridgeSpec",
    "BridgeStatus",
    "Script",
    "ScriptRun",
    "ScriptRunSpec",
    "ScriptRunStatus",
    "ScriptSpec",
    "ScriptStatus",
    "Workflow",
    "WorkflowRun",
    "WorkflowRunSpec",
    "WorkflowRunStatus",
    "WorkflowSpec",
    "WorkflowStatus",
]
