"""`scriptrun doctor`: what it looks at, one thing a file, and what it says of each."""
