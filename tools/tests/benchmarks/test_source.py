"""What is counted in the code, in a module of a few lines."""

from benchmarks.source import Room, table

MODULE = '''"""A module."""

def narrow(self, one, two, three, four, five, six):
    """As wide as is allowed, beside self."""
    stack = engine.alb._tgs
    return stack

def wide(one, two, three, four, five, six, *, seven):
    stack = engine.alb._tgs
    stack = engine.alb._rules
    for stack in engine.alb.public:
        print(stack)
'''


def test_what_a_room_has() -> None:
    room = Room()
    room.add("deployer/module.py", MODULE)
    assert (room.files, room.lines, room.docstrings) == (1, 12, 2)
    assert room.wide == [(7, "module.py: wide")]
    assert room.longest == (5, "module.py: wide")
    assert room.names["stack"] == 4
    assert dict(room.private) == {"alb._tgs": 2, "alb._rules": 1}


def test_table_names_the_widest_and_counts_names_once() -> None:
    room = Room()
    room.add("deployer/module.py", MODULE)
    lines = list(table({"deployer": room}))
    assert "more than 6 parameters: 1; the widest: module.py: wide, 7" in lines
    assert "private names of ministack: 2, in 3 places" in lines
    assert lines[-1].startswith("commonest names: stack 4, one 2")
