"""Keys and one-time links: who may call, made and revoked."""

import asyncio
from datetime import datetime, timedelta

from anyio import to_thread
from fastapi import APIRouter

from feedback.access import ApiKey, Link, hash_secret, new_secret
from feedback.ids import new_id
from feedback.words import AccessRole
from serve.auth import Operator, User
from serve.bodies import (
    Id,
    KeyBody,
    KeyList,
    KeyShown,
    LinkBody,
    LinkShown,
    Me,
    NewKey,
    SessionBody,
    SessionShown,
    problems,
)
from serve.parts import Gateway, now

router = APIRouter(tags=["access"])
LINK_LIFETIME = timedelta(minutes=15)


@router.post("/v1/session", responses=problems(400, 401, 413, 422, 503, 507))
async def sign_in(body: SessionBody, gateway: Gateway) -> SessionShown:
    """A new key for whoever holds the link, which is used up by this."""
    at = now()
    link = await asyncio.wrap_future(gateway.store.use_link(hash_secret(body.link), at))
    key, secret = made(link.user_id, link.role, "signed in by link", at)
    await asyncio.wrap_future(gateway.store.add_key(key))
    return SessionShown(key=secret, role=key.role, user_id=key.user_id)


@router.get("/v1/me", responses=problems(401))
async def me(caller: User) -> Me:
    """Whose key this is."""
    return Me(user_id=caller.user_id, role=caller.role, key_id=caller.key_id)


@router.post("/ops/keys", status_code=201, responses=problems(400, 401, 403, 413, 422, 503, 507))
async def add_key(body: KeyBody, caller: Operator, gateway: Gateway) -> NewKey:
    """A new key. Its secret is in this answer and nowhere else."""
    key, secret = made(body.user_id, body.role, body.label, now())
    await asyncio.wrap_future(gateway.store.add_key(key))
    return NewKey(**shown(key).model_dump(), key=secret)


@router.get("/ops/keys", responses=problems(401, 403))
async def list_keys(caller: Operator, gateway: Gateway) -> KeyList:
    """All keys, without their secrets."""
    return KeyList(keys=[shown(key) for key in await to_thread.run_sync(gateway.store.keys)])


@router.delete("/ops/keys/{key_id}", status_code=204, responses=problems(401, 403, 404, 422, 503, 507))
async def revoke_key(key_id: Id, caller: Operator, gateway: Gateway) -> None:
    """The key opens nothing from now on."""
    await asyncio.wrap_future(gateway.store.revoke_key(key_id, now()))
    gateway.keys.forget()


@router.post("/ops/links", status_code=201, responses=problems(400, 401, 403, 413, 422, 503, 507))
async def add_link(body: LinkBody, caller: Operator, gateway: Gateway) -> LinkShown:
    """A token that signs a browser in, once, within LINK_LIFETIME."""
    at, token = now(), new_secret()
    link = Link(
        token_hash=hash_secret(token),
        user_id=body.user_id,
        role=body.role,
        created_at=at,
        expires_at=at + LINK_LIFETIME,
    )
    await asyncio.wrap_future(gateway.store.add_link(link))
    return LinkShown(token=token, expires_at=link.expires_at)


def made(user_id: str, role: AccessRole, label: str, at: datetime) -> tuple[ApiKey, str]:
    """A new key as it is stored, and its secret."""
    secret = new_secret()
    key = ApiKey(
        key_id=new_id("key", at),
        user_id=user_id,
        role=role,
        label=label,
        key_hash=hash_secret(secret),
        created_at=at,
    )
    return key, secret


def shown(key: ApiKey) -> KeyShown:
    return KeyShown(**key.model_dump(exclude={"key_hash"}))
