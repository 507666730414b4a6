"""One file per alarm shape."""
