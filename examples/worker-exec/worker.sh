#!/bin/bash
# worker.sh

# Read task JSON from stdin
task=$(cat)

# Extract name from input (using jq)
name=$(echo "$task" | jq -r '.inputData.name // "World"')

# Process
message="Hello $name"

# Return result
jq -n \
  --arg msg "$message" \
  '{
    "status": "COMPLETED",
    "output": {"message": $msg},
    "logs": ["Processed greeting"]
  }'
