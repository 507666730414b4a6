"""One file per limit that a share is taken of."""
