"""An application that takes minutes to begin, and has requests that take minutes to end."""

PARAMETERS = {
    "HealthCheckGracePeriodSeconds": "180",
    "HealthCheckIntervalSeconds": "20",
    "HealthCheckTimeoutSeconds": "10",
    "UnhealthyThresholdCount": "10",
    "HealthCheckStatuses": "200-299",
    "SlowStartSeconds": "60",
    "DeregistrationDelaySeconds": "300",
    "StopTimeoutSeconds": "120",
}
