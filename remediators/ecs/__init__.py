"""ECS as remediation sees it: tasks, targets, deployments, revisions."""
