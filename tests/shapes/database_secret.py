"""The secret that RDS manages: two variables of the application are keys of it."""

from templates._containers import Secret

SECRETS = (
    Secret("DATABASE_USER", "DatabaseSecretArn", "Login of the database", key="username"),
    Secret("DATABASE_PASSWORD", "DatabaseSecretArn", "Login of the database", key="password"),
)

PARAMETERS = {"DatabaseSecretArn": "arn:aws:secretsmanager:{region}:{account}:secret:rds!db-1a2b3c4d-AbCdEf"}
