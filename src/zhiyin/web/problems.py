"""What goes wrong over HTTP, as RFC 9457 problems: a status, a code, a sentence, the fields that are to blame."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from http import HTTPStatus

from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from pydantic import ValidationError
from rapidfuzz import process
from starlette.exceptions import HTTPException as StarletteHTTPException
from starlette.requests import HTTPConnection

from zhiyin.errors import ControlError, ModelError, StoreError, ZhiyinError

_ALIKE = 60.0  # of 100: below, a name is no slip of the other
_OF_STATUS = {
    400: "invalid", 401: "unauthorized", 403: "forbidden", 404: "not_found", 405: "method_not_allowed", 406: "not_acceptable",
    409: "conflict", 413: "too_large", 415: "unsupported_media", 422: "invalid", 429: "rate_limited", 503: "overloaded",
}  # fmt: skip
_STORE_RETRY, _MODEL_RETRY = 2, 10  # seconds


class Problem(ZhiyinError):
    """What is answered instead of a result. `errors` name fields; `detail` never holds words of another user or insides of ours."""

    def __init__(
        self, status: int, code: str, detail: str, *, errors: Sequence[Mapping[str, object]] = (), retry_after: float | None = None, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(detail)
        self.status, self.code, self.detail = status, code, detail
        self.errors, self.retry_after = tuple(errors), retry_after
        self.headers = dict(headers or {})


def invalid(field: str, message: str, *, code: str = "invalid") -> Problem:
    """A 400 that names one field."""
    return Problem(400, code, f"{field}: {message}", errors=({"field": field, "message": message},))


def unknown(field: str, valid: Iterable[str], *, within: str = "") -> Problem:
    """A 400 for a name that nobody knows, with the nearest valid one."""
    return invalid(f"{within}.{field}" if within else field, unknown_message(field, valid), code="unknown_field")


def unknown_message(field: str, valid: Iterable[str]) -> str:
    """What is said of an unknown name: the nearest valid one, or all of them."""
    names = sorted(set(valid))
    if near := nearest(field, names):
        return f"there is no such field; did you mean {near!r}?"
    return f"there is no such field; the names are: {', '.join(names)}" if names else "no field is taken here"


def nearest(name: str, valid: Iterable[str]) -> str | None:
    """The valid name that this one is most likely a slip of."""
    best = process.extractOne(name.lower(), list(valid), score_cutoff=_ALIKE)
    return None if best is None else str(best[0])


def missing(what: str) -> Problem:
    """A 404: not there, or not the caller's; nobody is told which."""
    return Problem(404, "not_found", f"there is no such {what}")


def problem_of(error: Exception) -> Problem:
    """The problem that an error of ours, of a request or of the framework is."""
    match error:
        case Problem():
            return error
        case RequestValidationError() | ValidationError():
            return _of_validation(error)
        case StarletteHTTPException():
            return _of_framework(error)
        case StoreError():
            return Problem(503, "store_unavailable", "the store does not answer just now; nothing that was acknowledged is lost", retry_after=_STORE_RETRY)
        case ModelError():
            return Problem(503, "model_unavailable", "no language model can answer just now", retry_after=_MODEL_RETRY)
        case ControlError():
            return Problem(409, "conflict", str(error))
        case _:
            return Problem(500, "internal", "something went wrong on our side; the request id finds it in the log")


def response_of(problem: Problem, request_id: str) -> Response:
    """The answer that carries a problem."""
    headers = dict(problem.headers)
    if problem.retry_after is not None:
        headers["retry-after"] = str(max(1, math.ceil(problem.retry_after)))
    return JSONResponse(problem_json(problem, request_id), status_code=problem.status, headers=headers, media_type="application/problem+json")


def problem_json(problem: Problem, request_id: str) -> dict[str, object]:
    """A problem as RFC 9457 has it."""
    return {
        "type": "about:blank",
        "title": HTTPStatus(problem.status).phrase,
        "status": problem.status,
        "detail": problem.detail,
        "code": problem.code,
        "request_id": request_id,
        "errors": [dict(e) for e in problem.errors],
    }


async def answer_problem(request: HTTPConnection, error: Exception) -> Response:
    """The exception handler of the application: any error that has a problem, answered."""
    return response_of(problem_of(error), request_id_of(request))


def request_id_of(request: HTTPConnection) -> str:
    """The id that the border gave this request."""
    return str(request.scope.get("state", {}).get("request_id", ""))


def _of_framework(error: StarletteHTTPException) -> Problem:
    """What the framework refuses: no such path, no such method, a body that cannot be parsed."""
    status, code = error.status_code, _OF_STATUS.get(error.status_code, "error")
    if status == 404:
        return Problem(status, code, "there is nothing at this path; GET /docs lists what there is")
    if status == 405:
        return Problem(status, code, "this method is not taken here; GET /docs lists those that are", headers=error.headers)
    if status == 400:
        return Problem(status, code, "body: it cannot be read as JSON in UTF-8", errors=({"field": "body", "message": "cannot be read as JSON in UTF-8"},))
    return Problem(status, code, str(error.detail), headers=error.headers)


def _of_validation(error: RequestValidationError | ValidationError) -> Problem:
    """Every field that is wrong, by its path in the body or the query; input is not repeated."""
    found = [_of_field(e) for e in error.errors()]
    unknown_only = bool(found) and all(e.get("code") == "unknown_field" for e in found)
    first = found[0] if found else {"field": "body", "message": "cannot be read"}
    return Problem(400, "unknown_field" if unknown_only else "invalid", f"{first['field']}: {first['message']}", errors=found)


def _of_field(error: Mapping[str, object]) -> dict[str, object]:
    where, kind, message = error["loc"], str(error["type"]), str(error["msg"])
    path = [str(part) for part in where] if isinstance(where, tuple) else []
    if kind == "json_invalid":
        return {"field": "body", "message": f"no valid JSON at character {path[-1] if path else 0}", "code": kind}
    if kind == "unknown_field":  # raised by `bodies.Body`, which knows the name
        context = error.get("ctx")
        path.append(str(context["field"]) if isinstance(context, Mapping) else "")
    if path[:1] in (["body"], ["query"], ["path"], ["header"]) and len(path) > 1:
        path = path[1:]
    return {"field": ".".join(path) or "body", "message": message, "code": kind}
