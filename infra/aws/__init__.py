"""Where tocsin runs for real: the stacks of the pipeline and of the platform that it watches, and the zips of its functions."""
