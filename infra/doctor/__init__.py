"""Whether a deployed stage really works: asks AWS and Slack, changes nothing, and never takes silence for an answer."""
