"""The reference platform that the pipeline watches: network, edge, data, services and how they are deployed."""
