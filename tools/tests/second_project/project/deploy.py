from pathlib import Path

from ecs_blue_green.deployer import command_line

command_line.run(Path(__file__).resolve().parent)
