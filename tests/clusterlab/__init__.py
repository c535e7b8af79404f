"""What tests on a cluster share: the chart installed, an operator to stop and kill, namespaces to run in."""
