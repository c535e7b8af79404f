#!/usr/bin/env python3
import sys
import json

try:
    task = json.load(sys.stdin)
    # ... process task ...
    print(json.dumps({"status": "COMPLETED", "output": result}))
except Exception as e:
    # Return failure status
    print(json.dumps({
        "status": "FAILED",
        "reason": str(e),
        "logs": [f"Error: {e}"]
    }))
    sys.exit(0)  # Exit 0 so CLI reads the failure status
