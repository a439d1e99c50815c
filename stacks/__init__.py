"""What `deploy.py` is made of: environments, layers and their order, plan, execution, reports.

Nothing here imports troposphere: what is deployed is the reviewed YAML in `build/`, never a fresh render.
"""
