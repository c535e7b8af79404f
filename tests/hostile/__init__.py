"""A corpus of hostile input, and what feeds it to operator, bridge and API while canaries run."""
