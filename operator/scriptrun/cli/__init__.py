"""The command line. Follows kubectl's habits."""
