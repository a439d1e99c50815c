"""Is the account ready? Asked before the first stack is touched, and only about what is new to AWS.

Everything is read, nothing is changed, and the questions are asked at the same time. What a person may not
ask is said and blocks nothing.
"""

from ecs_blue_green.deployer.preflight.examination import Answers, document, examine, no_image, notes, refuse
from ecs_blue_green.deployer.preflight.finding import PreflightFinding

__all__ = ["Answers", "PreflightFinding", "document", "examine", "no_image", "notes", "refuse"]
