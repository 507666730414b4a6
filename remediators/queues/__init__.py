"""Queues and those who consume them: backlog, dead letters, event source mappings."""
