"""What the commands `scriptrun workflows …` do: start a WorkflowRun, follow it, show it, end it."""
