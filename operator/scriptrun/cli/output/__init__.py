"""What commands print: tables, descriptions, a run's result and its exit code. Nothing here asks a cluster."""
