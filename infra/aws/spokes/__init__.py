"""Many accounts and regions: what a hub opens to its spokes, and what a spoke lends to its hub."""
