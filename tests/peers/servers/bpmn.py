"""BPMN documents for Zeebe, as small as they can be."""

from collections.abc import Mapping
from xml.sax.saxutils import quoteattr

_NAMESPACES = (
    'xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" xmlns:zeebe="http://camunda.org/schema/zeebe/1.0" '
    'targetNamespace="http://scriptrun.dev"'
)


def build_process(
    process: str, task_type: str, headers: Mapping[str, str] | None = None, retries: int = 3, catches: str = ""
) -> str:
    """Build a process of one service task.

    Args:
        process: its id.
        task_type: type of the task's jobs.
        headers: task headers.
        retries: of a job.
        catches: code of a BPMN error that ends the process by another way, which sets the variable ``caught``.
    """
    lines = "".join(
        f"<zeebe:header key={quoteattr(key)} value={quoteattr(value)}/>" for key, value in (headers or {}).items()
    )
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<definitions {_NAMESPACES}>
  {f'<error id="error" errorCode={quoteattr(catches)}/>' if catches else ""}
  <process id={quoteattr(process)} isExecutable="true">
    <startEvent id="start"/>
    <sequenceFlow id="to-task" sourceRef="start" targetRef="task"/>
    <serviceTask id="task">
      <extensionElements>
        <zeebe:taskDefinition type={quoteattr(task_type)} retries="{retries}"/>
        <zeebe:taskHeaders>{lines}</zeebe:taskHeaders>
      </extensionElements>
    </serviceTask>
    <sequenceFlow id="to-end" sourceRef="task" targetRef="end"/>
    <endEvent id="end"/>
    {_CATCH if catches else ""}
  </process>
</definitions>
"""


_CATCH = """<boundaryEvent id="catch" attachedToRef="task">
      <extensionElements>
        <zeebe:ioMapping><zeebe:output source="=true" target="caught"/></zeebe:ioMapping>
      </extensionElements>
      <outgoing>to-caught</outgoing>
      <errorEventDefinition errorRef="error"/>
    </boundaryEvent>
    <sequenceFlow id="to-caught" sourceRef="catch" targetRef="caught"/>
    <endEvent id="caught"/>"""
