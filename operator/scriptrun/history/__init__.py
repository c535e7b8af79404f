"""What became of runs, kept after Kubernetes has forgotten them. The only room that speaks SQL."""
