"""The commands: one module a group, with their options alone; the work is imported when it is done."""
