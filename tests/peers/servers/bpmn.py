"""BPMN documents for Zeebe, as small as they can be."""

from collections.abc import Mapping
from xml.sax.saxutils import quoteattr

_NAMESPACES = (
    'xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" xmlns:zeebe="http://camunda.org/schema/zeebe/1.0" '
    'targetNamespace="http://scriptrun.dev"'
)


def build_process(
    process: str,
    task_type: str,
    headers: Mapping[str, str] | None = None,
    retries: int = 3,
    catches: str = "",
    then: str = "",
) -> str:
    """Build a process of one service task, or of two.

    Args:
        process: its id.
        task_type: type of the task's jobs.
        headers: task headers.
        retries: of a job.
        catches: code of a BPMN error that ends the process by another way, which sets the variable ``caught``.
        then: type of the jobs of a second task, which comes when the first is completed.
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
    <sequenceFlow id="to-end" sourceRef="{"then" if then else "task"}" targetRef="end"/>
    <endEvent id="end"/>
    {_CATCH if catches else ""}
    {_build_second(then) if then else ""}
  </process>
</definitions>
"""


def _build_second(task_type: str) -> str:
    return f"""<sequenceFlow id="to-then" sourceRef="task" targetRef="then"/>
    <serviceTask id="then">
      <extensionElements><zeebe:taskDefinition type={quoteattr(task_type)} retries="1"/></extensionElements>
    </serviceTask>"""


_CATCH = """<boundaryEvent id="catch" attachedToRef="task">
      <extensionElements>
        <zeebe:ioMapping><zeebe:output source="=true" target="caught"/></zeebe:ioMapping>
      </extensionElements>
      <outgoing>to-caught</outgoing>
      <errorEventDefinition errorRef="error"/>
    </boundaryEvent>
    <sequenceFlow id="to-caught" sourceRef="catch" targetRef="caught"/>
    <endEvent id="caught"/>"""
