"""The same handlers on an embedded AWS with a virtual clock."""
