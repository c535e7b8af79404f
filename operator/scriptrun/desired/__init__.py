"""Pure: from a run, its Script and the settings to manifests and status patches."""
