"""The same handlers on an embedded AWS with a virtual clock.

Where to look:

* the embedded AWS: ``aws.py`` opens it; ``seam.py`` is its door in botocore, ``clock.py`` its time; one family a service
  (``cloudwatch``, ``alarm_*``, ``metric_*``, ``composite_rules``, ``messages``; ``autoscaling``, ``scaling_*``,
  ``scheduled_actions``; ``ecs*``; ``scheduler``; ``tagging``; ``lambda_mappings``; ``rds``,
  ``rds_data`` (which runs on a real PostgreSQL)); ``slack*`` is the Slack stand-in
  and its people, ``hand.py`` presses their buttons in a run;
* what is watched: ``scenario.py`` reads a scenario, ``platform.py`` plays its traffic, ``series.py`` reads a recording,
  ``recorded_row.py`` finds or makes its row, ``metric_sources.py`` publishes either;
* a run: ``play.py`` plays it to its end, ``stack.py`` builds queues and tables, ``pipeline.py`` feeds the handlers,
  ``recorder.py`` and ``observers.py`` write the timeline, ``summary.py`` counts it;
* what people see: ``timeline.py`` on a terminal, ``report_*`` and ``report.html`` afterwards, ``story.py`` the sentences of both.
"""
