"""A collector of a public registry, a proxy of a private one, and migrations of the application's image."""

from templates._containers import HealthCheck, SideContainer

SIDE_CONTAINERS = (
    SideContainer(
        "collector",
        image="public.ecr.aws/aws-observability/aws-otel-collector:v0.43.3",
        environment={"OTEL_RESOURCE_ATTRIBUTES": "deployment.environment=${Environment}"},
        health_check=HealthCheck(("CMD", "/healthcheck")),
        application_waits_for="HEALTHY",
    ),
    SideContainer(
        "proxy",
        image="registry.example.com/proxy:1.2",
        credentials="RegistryCredentialsArn",
        is_essential=True,
    ),
    SideContainer("migrations", command=("python", "-m", "app.migrations"), application_waits_for="SUCCESS"),
)

PARAMETERS = {"RegistryCredentialsArn": "arn:aws:secretsmanager:{region}:{account}:secret:registry-AbCdEf"}
