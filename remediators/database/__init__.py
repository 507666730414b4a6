"""PostgreSQL and Aurora as remediation sees them: connections, sessions, roles, capacity."""
