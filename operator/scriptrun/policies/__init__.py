"""Pure checks and decisions. They return values; they neither raise, patch, nor read a clock."""
