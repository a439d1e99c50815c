"""What runs beside the work of a rehearsal, in tasks of asyncio, and how it ends."""

import asyncio
from collections.abc import Coroutine, Iterable
from typing import Any

# Longer than a task needs to stop its process in order: being cancelled again would interrupt that.
AGAIN_SECONDS = 5.0


async def beside(background: Iterable[Coroutine[Any, Any, None]], work: Coroutine[Any, Any, None]) -> None:
    """Do `work` while the others run; an exception in one of them ends the work as well.

    Afterwards all have ended.
    """
    others = [asyncio.create_task(item) for item in background]
    main = asyncio.create_task(work)
    try:
        running = {main, *others}
        while not main.done():
            ended, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
            for task in ended - {main}:
                task.result()
        await main
    finally:
        await end([main, *others])


async def end(tasks: Iterable[asyncio.Task[Any]], again: float = AGAIN_SECONDS) -> None:
    """Cancel tasks until every one has ended; what they raise is ignored.

    Once is not always enough: what a task waits for can swallow it, as `asyncio.wait_for` does before
    Python 3.12 when it has just been given what it waited for. It is repeated after `again` seconds.
    """
    ending = set(tasks)
    pending = {task for task in ending if not task.done()}
    while pending:
        for task in pending:
            task.cancel()
        _, pending = await asyncio.wait(pending, timeout=again)
    for task in ending:
        if not task.cancelled():
            # Retrieved, so that asyncio does not log it.
            task.exception()
