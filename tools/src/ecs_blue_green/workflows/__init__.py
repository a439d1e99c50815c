"""The scripts of GitHub's workflows: `python -m ecs_blue_green.workflows.NAME`."""
