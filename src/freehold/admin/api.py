"""The ASGI application of the admin API: authenticate, read, do, answer.

It runs in the process that answers calls. Whatever waits for a database or a disk is done in a few threads of its own,
so that no call waits for an administrator, and only so many requests are worked on at once.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Any, TypeVar, cast

import msgspec
from starlette.routing import Route, Router

from freehold.access.admin_keys import AdminKey
from freehold.access.roles import may
from freehold.admin.door import Door, check_role
from freehold.admin.intake import Receive, read_body, read_query
from freehold.admin.office import Office
from freehold.admin.openapi import DOCUMENT, document
from freehold.admin.operation import Asked, Operation
from freehold.admin.operations import OPERATIONS, ROOT
from freehold.admin.replies import Send, send_bytes, send_problem, send_stream
from freehold.admin.settings import AdminSettings
from freehold.admin.source import Source
from freehold.core.errors import ClientGone, FreeholdError, MethodNotAllowed, NotFound, Overloaded

log = logging.getLogger("freehold.admin")

T = TypeVar("T")
Scope = Any

THREADS = 4
_WHO = "freehold.administrator"


class Api:
    """Everything under `/admin/v1`."""

    def __init__(self, office: Office, settings: AdminSettings, tick: Callable[[], float]) -> None:
        """`tick` is monotonic time in seconds."""
        self._office = office
        self._settings = settings
        self._door = Door(office.admin_keys, tick, burst=settings.wrong_keys)
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="admin")
        self._at_work = 0
        self._turn = asyncio.Semaphore(1)
        places: dict[str, dict[str, Operation]] = {}
        for operation in (DOCUMENT, *OPERATIONS):
            places.setdefault(operation.path, {})[operation.method] = operation
        # Fixed paths come before those with places in them.
        in_order = sorted(places.items(), key=lambda place: "{" in place[0])
        routes = [Route(ROOT + path, _Place(self, by_method)) for path, by_method in in_order]
        self._router = Router(routes, redirect_slashes=False, default=_nowhere)

    async def close(self) -> None:
        """Let go of the databases, once no thread asks them any more; what waits for a thread is not begun."""
        await asyncio.to_thread(self._threads.shutdown, wait=True, cancel_futures=True)
        self._office.admin_keys.close()
        self._office.keys.close()
        self._office.audit.close()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request. Nobody without a key is told so much as which paths there are."""
        started = False

        async def watched(message: Any) -> None:
            nonlocal started
            started = True
            await send(message)

        self._at_work += 1
        try:
            if self._at_work > self._settings.max_requests:
                raise Overloaded("Too many requests are being worked on.", hint="Try again in a moment.")
            address = (scope.get("client") or ("?", 0))[0]
            scope[_WHO] = await self._door.let_in(scope["headers"], address, self._do)
            await self._router(scope, receive, watched)
        except ClientGone:
            pass
        except FreeholdError as error:
            await self._tell(error, send, started=started)
        except Exception:  # the last line of defence: a mistake of ours must not end in silence, nor tell how
            log.exception("an administrator's request ended in an error of ours")
            await self._tell(FreeholdError("Something went wrong here."), send, started=started)
        finally:
            self._at_work -= 1

    async def answer(self, operation: Operation, scope: Scope, receive: Receive, send: Send) -> None:
        """Do what was asked for, if the key is good for it."""
        who: AdminKey = scope[_WHO]
        check_role(who, may(who.role, operation.least), operation.least)
        query = read_query(operation, scope["query_string"])
        body = await read_body(operation, scope, receive, self._settings.max_body_bytes)
        asked = Asked(who, scope["path_params"], query, body)
        if operation is DOCUMENT:
            await send_bytes(send, 200, "application/json", await self._do(document))
            return
        if inspect.iscoroutinefunction(operation.act):
            answer = await _done(operation, self._office, asked, receive)
        else:
            answer = await self._do(lambda: operation.act(self._office, asked))
        if isinstance(answer, Generator):
            source = Source(answer)
            try:
                async with _watching(receive) as is_gone:
                    await send_stream(send, operation.media, self._pieces(source, is_gone))
            finally:
                await self._do(source.close)
        elif answer is None or isinstance(answer, bytes):
            await send_bytes(send, operation.status, operation.media, answer or b"")
        else:
            encoded = await self._do(lambda: msgspec.json.encode(answer))
            await send_bytes(send, operation.status, operation.media, encoded)

    async def _do(self, job: Callable[[], T]) -> T:
        """Do in a thread what takes time."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, job)

    async def _pieces(self, source: Source, is_gone: Callable[[], bool]) -> AsyncIterator[bytes]:
        while not is_gone():
            async with self._turn:  # exports keep an interpreter busy, which calls need too: one at a time
                piece = await self._do(source.next)
            if piece is None:
                return
            yield piece

    async def _tell(self, error: FreeholdError, send: Send, *, started: bool) -> None:
        if started:
            log.warning("an answer to an administrator broke off: %s", error)
            return  # without an end, which closes the connection: the client sees that something is missing
        allowed = getattr(error, "allowed", None)
        await send_problem(send, error, [(b"allow", allowed)] if allowed else None)


async def _done(operation: Operation, office: Office, asked: Asked, receive: Receive) -> Any:
    """What comes of an operation that is `async`. Raises ClientGone where it ended with its client."""
    doing = asyncio.ensure_future(cast("Awaitable[Any]", operation.act(office, asked)))
    if not operation.ends_with_client:
        return await doing
    gone = asyncio.create_task(_hangs_up(receive))
    try:
        await asyncio.wait([doing, gone], return_when=asyncio.FIRST_COMPLETED)
    finally:
        gone.cancel()
        if not doing.done():
            doing.cancel()
            await asyncio.wait([doing])
    if doing.cancelled():
        raise ClientGone("The client hung up.")
    return doing.result()


async def _hangs_up(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


@asynccontextmanager
async def _watching(receive: Receive) -> AsyncIterator[Callable[[], bool]]:
    """Tells whether the client has hung up."""

    waiting = asyncio.create_task(_hangs_up(receive))
    try:
        yield waiting.done
    finally:
        waiting.cancel()


class _WrongMethod(MethodNotAllowed):
    """With the methods that are right."""

    def __init__(self, allowed: str) -> None:
        super().__init__(f"This path takes {allowed}.")
        self.allowed = allowed.encode()


class _Place:
    """A path: hands a request to the operation of its method."""

    def __init__(self, api: Api, by_method: dict[str, Operation]) -> None:
        self._api = api
        self._by_method = by_method

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        operation = self._by_method.get(scope["method"])
        if operation is None:
            raise _WrongMethod(", ".join(self._by_method))
        await self._api.answer(operation, scope, receive, send)


async def _nowhere(scope: Scope, _receive: Receive, _send: Send) -> None:
    raise NotFound(
        f"There is nothing at `{scope['path'][:200]}`.", hint=f"`{ROOT}/openapi.json` says what there is."
    )
