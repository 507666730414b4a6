"""Dashboards compiled from the catalogue: every row as it is evaluated, with its threshold drawn; pure but for one adapter."""
