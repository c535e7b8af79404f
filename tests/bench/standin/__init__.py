"""A stand-in for a cluster, for more runs a second than a small machine's control plane carries."""
