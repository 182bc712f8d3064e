"""Coming in, going out, and what is refused at the door."""

import httpx
import pytest
from starlette.datastructures import Headers

from tests.ui.fake_gateway import KEY, LINK
from ui.guard import same_origin


@pytest.fixture
def visitor(stand):
    with httpx.Client(base_url=stand.page_url, trust_env=False) as client:
        yield client


def cookie_of(response):
    return response.headers.get("set-cookie", "").lower()


def test_a_stranger_is_led_to_the_door(visitor):
    response = visitor.get("/")
    assert (response.status_code, response.headers["location"]) == (303, "/sign-in")
    assert "API key" in visitor.get("/sign-in").text


def test_gradios_own_routes_are_shut_for_strangers(visitor):
    assert visitor.get("/config").status_code == 401
    joined = visitor.post("/gradio_api/queue/join", json={"data": [], "fn_index": 0, "session_hash": "x"})
    assert joined.status_code == 401


def test_a_link_opens_once_and_leaves_a_cookie_no_script_can_read(visitor):
    response = visitor.get(f"/enter/{LINK}")
    assert response.status_code == 200
    assert 'http-equiv="refresh"' in response.text
    for attribute in ("ratchet_key=", "httponly", "samesite=strict", "path=/"):
        assert attribute in cookie_of(response)
    assert visitor.get("/").status_code == 200
    again = visitor.get(f"/enter/{LINK}")
    assert again.status_code == 403
    assert "used already" in again.text
    assert not cookie_of(again)


def test_the_page_never_contains_the_key(visitor):
    visitor.get(f"/enter/{LINK}")
    assert KEY not in visitor.get("/").text
    assert KEY not in visitor.get("/config").text


def test_a_key_signs_in_and_signing_out_forgets_it(visitor):
    response = visitor.post("/sign-in", data={"key": f" {KEY} "})
    assert (response.status_code, response.headers["location"]) == (303, "/")
    assert visitor.get("/").status_code == 200
    assert visitor.post("/sign-out").headers["location"] == "/sign-in"
    assert visitor.get("/").status_code == 303


@pytest.mark.parametrize(
    ("key", "status", "words"),
    [("rk_wrong", 401, "known"), ("schlüssel", 400, "characters"), ("rk\nx", 400, "characters")],
)
def test_a_bad_key_is_refused_with_a_reason(visitor, key, status, words):
    response = visitor.post("/sign-in", data={"key": key})
    assert response.status_code == status
    assert words in response.text
    assert not cookie_of(response)


def test_a_revoked_key_is_led_to_the_door(visitor):
    visitor.cookies.set("ratchet_key", "rk_revoked")
    assert visitor.get("/").status_code == 303


@pytest.mark.parametrize("path", ["/sign-in", "/sign-out", "/gradio_api/queue/join"])
def test_writes_from_another_sites_page_are_refused(visitor, path):
    response = visitor.post(path, data={"key": KEY}, headers={"Origin": "https://elsewhere.example"})
    assert response.status_code == 403
    assert not cookie_of(response)


@pytest.mark.parametrize(
    ("headers", "passes"),
    [
        ({"host": "chat:8080"}, True),
        ({"host": "chat:8080", "origin": "http://chat:8080"}, True),
        ({"host": "chat:8080", "origin": "http://chat:9090"}, False),
        ({"host": "chat:8080", "origin": "null"}, False),
        ({"host": "chat:8080", "sec-fetch-site": "cross-site"}, False),
        ({"host": "chat:8080", "sec-fetch-site": "same-site"}, False),
        ({"host": "chat:8080", "sec-fetch-site": "same-origin", "origin": "http://chat:8080"}, True),
    ],
)
def test_same_origin(headers, passes):
    assert same_origin(Headers(headers)) is passes


@pytest.mark.parametrize("path", ["/", "/sign-in", "/enter/none"])
def test_every_answer_carries_the_security_headers(visitor, path):
    headers = visitor.get(path).headers
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "same-origin"
