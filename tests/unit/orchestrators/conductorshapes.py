"""What a real Conductor handed out."""

from typing import Any

TASK_ID = "b2f82098-96f6-44ca-b63e-d6ad8c625cbc"
WORKFLOW_ID = "d4a96b7f-e8e8-4809-a1e7-e7c3dbb89471"
# As Conductor 3.32.3 answers GET /api/tasks/poll/batch/greet; its nested definitions are cut.
RECORDED: dict[str, Any] = {
    "taskType": "greet",
    "status": "IN_PROGRESS",
    "inputData": {"name": "Ada", "script": "hello.py"},
    "referenceTaskName": "t1",
    "retryCount": 0,
    "seq": 1,
    "pollCount": 1,
    "taskDefName": "greet",
    "scheduledTime": 1795234000827,
    "startTime": 1795234001056,
    "endTime": 0,
    "updateTime": 1795234001153,
    "startDelayInSeconds": 0,
    "retried": False,
    "executed": False,
    "callbackFromWorker": True,
    "responseTimeoutSeconds": 60,
    "workflowInstanceId": WORKFLOW_ID,
    "workflowType": "greeting",
    "taskId": TASK_ID,
    "callbackAfterSeconds": 0,
    "workerId": "w1",
    "outputData": {},
    "workflowTask": {"name": "greet", "taskReferenceName": "t1", "type": "SIMPLE"},
    "rateLimitPerFrequency": 0,
    "workflowPriority": 0,
    "iteration": 0,
    "subworkflowChanged": False,
    "loopOverTask": False,
    "queueWaitTime": 229,
}
HANDLE = {"taskId": TASK_ID, "workflowInstanceId": WORKFLOW_ID, "pollCount": 1}


def recorded(**changes: Any) -> dict[str, Any]:
    """The task with some members changed."""
    return {**RECORDED, **changes}
