"""Who is calling, and whether they may."""

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated

from anyio import to_thread
from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from feedback.access import ApiKey, hash_secret
from feedback.errors import NotAllowed, Unauthenticated
from feedback.store import Store
from feedback.words import AccessRole

RANK = {role: rank for rank, role in enumerate(AccessRole)}
KEEP_S = 3.0
MOST_KEPT = 10_000


@dataclass(frozen=True)
class Caller:
    """A known key's owner."""

    user_id: str
    role: AccessRole
    key_id: str


class KeyRing:
    """Looks keys up by their hash, and remembers the good ones for KEEP_S seconds. Wrong ones are never remembered."""

    def __init__(self, store: Store, clock: Callable[[], float] = time.monotonic) -> None:
        self._store = store
        self._clock = clock
        self._known: dict[str, tuple[ApiKey, float]] = {}
        self._generation = 0

    def forget(self) -> None:
        """What was looked up before counts no more: a revocation holds from now on."""
        self._known.clear()
        self._generation += 1

    async def caller(self, secret: str) -> Caller:
        """The key's owner. Unauthenticated when there is no such key or it was revoked."""
        key_hash = hash_secret(secret)
        key, until = self._known.get(key_hash, (None, 0.0))
        if key is None or until < self._clock():
            key = await self._look_up(key_hash)
        return Caller(key.user_id, key.role, key.key_id)

    async def _look_up(self, key_hash: str) -> ApiKey:
        generation = self._generation
        key = await to_thread.run_sync(self._store.key_by_hash, key_hash)
        if key is None or key.revoked_at is not None:
            self._known.pop(key_hash, None)
            raise Unauthenticated("the API key is unknown or revoked; ask an operator for a new one")
        if generation == self._generation:
            if len(self._known) >= MOST_KEPT:
                self._known.clear()
            self._known[key_hash] = (key, self._clock() + KEEP_S)
        return key


Bearer = Annotated[HTTPAuthorizationCredentials | None, Depends(HTTPBearer(auto_error=False))]


def at_least(role: AccessRole) -> Callable[[Request, Bearer], Awaitable[Caller]]:
    """A dependency that gives the caller. Unauthenticated without a good key, NotAllowed below the role."""

    async def caller(request: Request, bearer: Bearer) -> Caller:
        if bearer is None:
            raise Unauthenticated("no API key; send it as 'Authorization: Bearer rk_...'")
        keys: KeyRing = request.app.state.parts.keys
        found = await keys.caller(bearer.credentials)
        if RANK[found.role] < RANK[role]:
            raise NotAllowed(f"this is for the role '{role}'; the key of '{found.user_id}' has '{found.role}'")
        return found

    return caller


User = Annotated[Caller, Depends(at_least(AccessRole.USER))]
Operator = Annotated[Caller, Depends(at_least(AccessRole.OPERATOR))]
