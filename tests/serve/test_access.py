"""Every route with every role, keys, links, and feedback about one's own replies only."""

import json
from typing import Any

import httpx
import pytest
from fastapi.routing import APIRoute

from feedback.words import AccessRole
from serve.access_routes import LINK_LIFETIME
from serve.app import ROUTERS
from tests.serve.example import run_id
from tests.serve.fake_vllm import BASE_ID, FakeVLLM
from tests.serve.gateway import GatewayProcess, saying

NOTHING = "0" * 28
USER_ID = {"user_id": "dora", "role": "user"}
PROMOTION = {
    "line": "main",
    "action": "promote",
    "adapter_id": "none",
    "expected_incumbent_id": BASE_ID,
    "reason": "a test",
}
SCORED = {"adapter_id": BASE_ID, "prompt": [{"role": "user", "content": "x"}], "completion": "y"}
# route -> body, the status for whoever may, and the role it takes
ROUTES: dict[tuple[str, str], tuple[Any, int, AccessRole | None]] = {
    ("GET", "/healthz"): (None, 200, None),
    ("GET", "/readyz"): (None, 200, None),
    ("GET", "/metrics"): (None, 200, None),
    ("POST", "/v1/session"): ({"link": "unknown"}, 401, None),
    ("GET", "/v1/me"): (None, 200, AccessRole.USER),
    ("GET", "/v1/models"): (None, 200, AccessRole.USER),
    ("POST", "/v1/chat/completions"): (saying("Hello"), 200, AccessRole.USER),
    ("POST", "/v1/feedback"): (
        {"kind": "thumb", "thumb": "up", "message_id": f"msg_{NOTHING}"}, 404, AccessRole.USER
    ),
    ("GET", f"/v1/feedback?message_id=msg_{NOTHING}"): (None, 200, AccessRole.USER),
    ("DELETE", f"/v1/feedback/fb_{NOTHING}"): (None, 404, AccessRole.USER),
    ("GET", "/v1/conversations"): (None, 200, AccessRole.USER),
    ("GET", f"/v1/conversations/conv_{NOTHING}"): (None, 404, AccessRole.USER),
    ("GET", "/ops/status"): (None, 200, AccessRole.OPERATOR),
    ("POST", "/ops/keys"): (USER_ID, 201, AccessRole.OPERATOR),
    ("GET", "/ops/keys"): (None, 200, AccessRole.OPERATOR),
    ("DELETE", f"/ops/keys/key_{NOTHING}"): (None, 404, AccessRole.OPERATOR),
    ("POST", "/ops/links"): (USER_ID, 201, AccessRole.OPERATOR),
    ("POST", "/ops/snapshots"): (None, 201, AccessRole.OPERATOR),
    ("POST", "/ops/adapters"): ({"run_id": run_id(99), "line": "main"}, 404, AccessRole.OPERATOR),
    ("GET", "/ops/adapters"): (None, 200, AccessRole.OPERATOR),
    ("POST", "/ops/promotions"): (PROMOTION, 404, AccessRole.OPERATOR),
    ("GET", "/ops/promotions"): (None, 200, AccessRole.OPERATOR),
    ("POST", "/ops/loglikelihood"): (SCORED, 200, AccessRole.OPERATOR),
}  # fmt: skip
ROLES = list(AccessRole)


def test_the_table_names_every_route() -> None:
    routes = [route for module in ROUTERS for route in module.router.routes if isinstance(route, APIRoute)]
    known = {(method, route.path.split("{")[0]) for route in routes for method in route.methods}
    asked = {(method, path.split("?")[0]) for method, path in ROUTES}
    named = {(method, path.rsplit("/", 1)[0] + "/" if NOTHING in path else path) for method, path in asked}
    assert named == known


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_each_route_answers_the_roles_it_is_for(steady: GatewayProcess, method: str, path: str) -> None:
    body, expected, needed = ROUTES[method, path]
    for role in (None, *ROLES):
        headers = {} if role is None else {"authorization": f"Bearer {steady.key(f'a-{role}', role)}"}
        status = steady.nobody.request(method, path, json=body, headers=headers).status_code
        if needed is None or (role is not None and ROLES.index(role) >= ROLES.index(needed)):
            assert status == expected, role
        else:
            assert status == (401 if role is None else 403), role


@pytest.mark.parametrize("header", ["rk_x", "Basic abc", "Bearer", "bearer rk_x", "Bearer \xe9"])
def test_a_wrong_key_is_a_401(steady: GatewayProcess, header: str) -> None:
    answer = steady.nobody.get("/v1/me", headers={b"authorization": header.encode("latin-1")})
    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
    assert answer.headers["content-type"] == "application/problem+json"


def test_a_key_is_shown_once_and_revoked_at_once(gateway: GatewayProcess) -> None:
    made = gateway.operator.post("/ops/keys", json={"user_id": "dora", "role": "annotator", "label": "phone"}).json()
    headers = {"authorization": f"Bearer {made['key']}"}
    me = gateway.nobody.get("/v1/me", headers=headers).json()
    assert me == {"user_id": "dora", "role": "annotator", "key_id": made["key_id"]}
    listed = gateway.operator.get("/ops/keys")
    assert made["key"] not in listed.text
    assert "hash" not in listed.text
    assert gateway.operator.delete(f"/ops/keys/{made['key_id']}").status_code == 204
    assert gateway.nobody.get("/v1/me", headers=headers).status_code == 401
    revoked = {one["key_id"]: one["revoked_at"] for one in gateway.operator.get("/ops/keys").json()["keys"]}
    assert revoked[made["key_id"]] is not None


def test_a_link_signs_in_once(gateway: GatewayProcess) -> None:
    link = gateway.operator.post("/ops/links", json={"user_id": "dora", "role": "operator"}).json()
    signed = gateway.nobody.post("/v1/session", json={"link": link["token"]})
    assert (signed.status_code, signed.json()["user_id"], signed.json()["role"]) == (200, "dora", "operator")
    headers = {"authorization": f"Bearer {signed.json()['key']}"}
    assert gateway.nobody.get("/ops/status", headers=headers).is_success
    assert gateway.nobody.post("/v1/session", json={"link": link["token"]}).status_code == 401
    assert LINK_LIFETIME.total_seconds() <= 3600


def reply_to(client: httpx.Client, text: str = "Hello") -> str:
    return str(client.post("/v1/chat/completions", json=saying(text)).json()["id"])


def test_feedback_is_given_read_and_withdrawn(gateway: GatewayProcess) -> None:
    message_id = reply_to(gateway.ann)
    body = {"kind": "thumb", "thumb": "down", "message_id": message_id, "reasons": ["Too long"], "comment": "x"}
    given = gateway.ann.post("/v1/feedback", json=body)
    assert given.status_code == 201
    assert body.items() <= given.json().items()
    assert (given.json()["user_id"], given.json()["source"]) == ("ann", "api")
    amended = gateway.ann.post(
        "/v1/feedback",
        json={"kind": "thumb", "thumb": "up", "message_id": message_id, "supersedes": given.json()["feedback_id"]},
    )
    assert amended.status_code == 201
    withdrawn = gateway.ann.delete(f"/v1/feedback/{amended.json()['feedback_id']}")
    assert (withdrawn.json()["withdrawn"], withdrawn.json()["supersedes"]) == (True, amended.json()["feedback_id"])
    assert gateway.ann.delete(f"/v1/feedback/{amended.json()['feedback_id']}").json() == withdrawn.json()
    assert gateway.ann.delete(f"/v1/feedback/{withdrawn.json()['feedback_id']}").json() == withdrawn.json()
    listed = gateway.ann.get("/v1/feedback", params={"message_id": message_id}).json()["feedback"]
    assert listed == [given.json(), amended.json(), withdrawn.json()]


def test_others_feedback_and_replies_are_out_of_reach(gateway: GatewayProcess) -> None:
    message_id = reply_to(gateway.ann)
    body = {"kind": "thumb", "thumb": "up", "message_id": message_id}
    given = gateway.ann.post("/v1/feedback", json=body).json()
    assert gateway.bob.post("/v1/feedback", json=body).status_code == 404
    assert gateway.bob.delete(f"/v1/feedback/{given['feedback_id']}").status_code == 404
    assert gateway.bob.get("/v1/feedback", params={"message_id": message_id}).json() == {"feedback": []}
    page = gateway.bob.get("/v1/conversations").json()
    assert page == {"conversations": [], "next": None}


@pytest.mark.parametrize(
    "body",
    [
        {"kind": "thumb"},
        {"kind": "thumb", "thumb": "sideways"},
        {"kind": "stars", "stars": 6},
        {"kind": "comparison", "winner": "a"},
        {"kind": "correction", "correction": ""},
        {"kind": "correction", "correction": "x" * 32_001},
        {"kind": "comment", "comment": "\ud800"},
        {"kind": "regenerate"},
        {"kind": "edit"},
        {"kind": "shrug"},
        {"kind": "thumb", "thumb": "up", "source": "argilla"},
        {"kind": "thumb", "thumb": "up", "user_id": "bob"},
        {"kind": "copy", "stars": 1},
    ],
)
def test_feedback_that_breaks_a_rule_is_a_422(steady: GatewayProcess, body: dict[str, Any]) -> None:
    content = json.dumps(body | {"message_id": f"msg_{NOTHING}"})
    answer = steady.ann.post("/v1/feedback", content=content, headers={"content-type": "application/json"})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid"), answer.text
    assert answer.headers["content-type"] == "application/problem+json"


def test_a_comparison_of_two_of_ones_replies(gateway: GatewayProcess) -> None:
    first, second = reply_to(gateway.ann), reply_to(gateway.ann, "Hi")
    body = {"kind": "comparison", "message_id": first, "other_message_id": second, "winner": "b"}
    assert gateway.ann.post("/v1/feedback", json=body).status_code == 201
    theirs = reply_to(gateway.bob)
    assert gateway.ann.post("/v1/feedback", json=body | {"other_message_id": theirs}).status_code == 404


def test_conversations_are_paged_newest_first(gateway: GatewayProcess, vllm: FakeVLLM) -> None:
    for n in range(5):
        assert gateway.ann.post("/v1/chat/completions", json=saying(f"question {n}")).is_success
    seen, cursor = [], None
    while True:
        params = {"limit": 2} | ({"before": cursor} if cursor else {})
        page = gateway.ann.get("/v1/conversations", params=params).json()
        seen += [one["title"] for one in page["conversations"]]
        cursor = page["next"]
        if cursor is None:
            break
    assert seen == [f"question {n}" for n in reversed(range(5))]


@pytest.mark.parametrize("query", ["limit=0", "limit=1000", "limit=x", "before=conv_x"])
def test_a_wrong_page_is_a_422(steady: GatewayProcess, query: str) -> None:
    assert steady.ann.get(f"/v1/conversations?{query}").status_code == 422


def test_a_snapshot_holds_what_was_said_and_no_key(gateway: GatewayProcess) -> None:
    reply_to(gateway.ann)
    manifest = gateway.operator.post("/ops/snapshots").json()
    snapshot_dir = gateway.settings.home / "snapshots" / manifest["snapshot_id"]
    assert (snapshot_dir / "manifest.json").is_file()
    assert manifest["tables"]["messages"] == 2
    assert not [name for name in manifest["files"] if "key" in name or "link" in name]
