"""Errors as HTTP answers: RFC 9457 problem details, or OpenAI's error object where OpenAI's clients read them."""

import logging
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import ValidationError
from starlette.exceptions import HTTPException

from feedback.errors import Invalid, NotReady, RatchetError

log = logging.getLogger(__name__)
OPENAI_PATHS = ("/v1/chat/", "/v1/models")
SHOWN_CHARS = 80
CODES = {404: "not_found", 405: "method_not_allowed", 413: "too_large"}


class BadRequest(Invalid):
    """A chat request that breaks a rule of OpenAI's API or of ours; `param` names the field."""

    status = 400

    def __init__(self, message: str, param: str | None = None, code: str = "invalid_value") -> None:
        super().__init__(message)
        self.param = param
        self.code = code


def problem(status: int, code: str, detail: str, headers: Mapping[str, str] | None = None) -> JSONResponse:
    """An RFC 9457 problem document. `code` is stable; `detail` says what was wrong and what to do."""
    content = {
        "type": f"urn:ratchet:problem:{code}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "code": code,
    }
    return JSONResponse(content, status, headers, media_type="application/problem+json")


def openai_error(status: int, code: str, message: str, param: str | None = None) -> dict[str, Any]:
    """OpenAI's error object, for a body or for an event of a stream."""
    kinds = {401: "authentication_error", 403: "permission_error"}
    kind = kinds.get(status, "server_error" if status >= 500 else "invalid_request_error")
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}


def error_object(error: RatchetError) -> dict[str, Any]:
    """The error as OpenAI's clients read it."""
    code = "invalid_api_key" if error.status == 401 else error.code
    return openai_error(error.status, code, str(error), getattr(error, "param", None))


def describe(errors: Sequence[Any]) -> tuple[str, str | None]:
    """What pydantic found wrong, in one sentence, and the first field that was."""
    sentences = []
    for error in errors[:3]:
        where = field_name(error["loc"])
        value = error.get("input")
        shown = "" if isinstance(value, dict | list) else f", found {value!r:.{SHOWN_CHARS}}"
        reason = error.get("ctx", {}).get("error") if error["type"] == "json_invalid" else None
        text = f"{error['msg']}: {reason}" if reason else f"{error['msg']}{shown}"
        sentences.append(f"{where}: {text}" if where else text)
    return "; ".join(sentences), field_name(errors[0]["loc"]) or None


def field_name(location: Sequence[int | str]) -> str:
    """`messages[0].content`, without where FastAPI found it (body, query, path) and how a union was tried."""
    name = ""
    for part in location[1:]:
        if isinstance(part, int):
            name += f"[{part}]"
        elif not part.endswith("]"):
            name += f".{part}" if name else part
    return name


def install(app: FastAPI) -> None:
    """Every error of the app is answered by this module."""
    app.add_exception_handler(RatchetError, _ratchet_error)
    app.add_exception_handler(RequestValidationError, _validation_error)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(Exception, _unexpected)


def from_validation(wrong: ValidationError) -> Invalid:
    """What one of our own words refused, as an error for the caller who sent its fields."""
    sentences = [f"{'.'.join(str(part) for part in e['loc'])} {e['msg']}".strip() for e in wrong.errors()]
    return Invalid("; ".join(sentences))


def _speaks_openai(request: Request) -> bool:
    return request.url.path.startswith(OPENAI_PATHS)


async def _ratchet_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RatchetError)
    headers = {"Retry-After": str(error.retry_after_s)} if isinstance(error, NotReady) else {}
    if error.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    if _speaks_openai(request):
        return JSONResponse(error_object(error), error.status, headers)
    return problem(error.status, error.code, str(error), headers)


async def _validation_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    message, param = describe(error.errors())
    if _speaks_openai(request):
        return JSONResponse(openai_error(400, "invalid_value", message, param), 400)
    broken = error.errors()[0]["type"] == "json_invalid"
    return problem(400 if broken else 422, "invalid", message)


async def _http_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    status = error.status_code
    code = CODES.get(status, "invalid")
    detail = error.detail if status in (400, 413) else f"{request.method} {request.url.path}: {error.detail}"
    if _speaks_openai(request):
        return JSONResponse(openai_error(status, code, detail), status, error.headers)
    return problem(status, code, detail, error.headers)


async def _unexpected(request: Request, error: Exception) -> JSONResponse:
    log.error("%s %s failed", request.method, request.url.path, exc_info=error)
    detail = f"the gateway failed ({type(error).__name__}); its log has the details. Nothing half-done was stored"
    if _speaks_openai(request):
        return JSONResponse(openai_error(500, "error", detail), 500)
    return problem(500, "error", detail)
