"""The pipeline: topic, queues, functions, tables, the schedules and the door for buttons."""
