"""HTTP to addresses that others chose: which may be connected to, and how much of an answer is read."""
