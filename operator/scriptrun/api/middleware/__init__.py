"""What stands between the network and an operation: limits, fair shares, a strict reading of JSON."""
