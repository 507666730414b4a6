"""One lint rule per file."""
