"""The REST API: runs over HTTP, for people and programs inside and outside the cluster."""
