"""The journal read back: incidents, post-incident reports, the scoreboard."""
