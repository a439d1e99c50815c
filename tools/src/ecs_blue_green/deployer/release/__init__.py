"""What runs now and its releases: live colour, CodeDeploy's deployments, alarms, going back."""
