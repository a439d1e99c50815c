"""A build step with a token, a step after each release, and base images of a registry with a login."""

from templates._containers import Secret
from templates._steps import BuildStep, RegistryLogin, StoredParameter

BUILD_STEPS = (
    BuildStep(
        "LicenceCheck",
        commands=("test -f app/Dockerfile", 'echo "with a token of ${#LICENCE_TOKEN} characters"'),
        secrets=(Secret("LICENCE_TOKEN", "LicenceTokenArn", "Token of the licence check", key="token"),),
    ),
    BuildStep(
        "Announce",
        commands=('echo "$COMMIT_ID is deployed" > message.txt', 'test -n "$CHAT_TOKEN"'),
        when="after deploy",
        secrets=(StoredParameter("CHAT_TOKEN", "ChatTokenName", "Token of the chat"),),
    ),
)

REGISTRY_LOGINS = (RegistryLogin("registry.example.com", "RegistryLoginArn"),)

PARAMETERS = {
    "LicenceTokenArn": "arn:aws:secretsmanager:{region}:{account}:secret:licences-AbCdEf",
    "ChatTokenName": "/shop/chat-token",
    "RegistryLoginArn": "arn:aws:secretsmanager:{region}:{account}:secret:registry-AbCdEf",
}
