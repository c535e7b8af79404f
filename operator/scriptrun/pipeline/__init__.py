"""The script pipeline's scheduler and starter, for servers that were written for them: orders in, runs out."""
