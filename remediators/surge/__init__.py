"""Traffic as remediation sees it: what is usual, what an attack looks like, what can be raised against one."""
