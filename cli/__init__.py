"""The front door: one file per verb, no logic."""
