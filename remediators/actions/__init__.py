"""One file per remediation."""
