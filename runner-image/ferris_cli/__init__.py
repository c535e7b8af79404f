"""What a script of the package executor imports, reading from the run instead of a platform's services."""
