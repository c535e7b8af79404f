"""The laboratory of the cluster and chaos tests: the chart installed, an operator to stop and kill, namespaces to run in."""
