"""Who asks, and what they may do: API tokens, and the cluster's own authentication and authorization."""
