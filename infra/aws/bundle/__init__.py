"""Builds the functions' zips for a platform and a Python, without Docker."""
