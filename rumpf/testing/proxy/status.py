"""The answers that the proxy gives in the API server's place: a metav1.Status with the right reason."""

import json

from rumpf.testing.proxy.requestinfo import RequestInfo

REASONS = {
    400: "BadRequest",
    401: "Unauthorized",
    403: "Forbidden",
    404: "NotFound",
    405: "MethodNotAllowed",
    406: "NotAcceptable",
    409: "Conflict",
    410: "Expired",
    413: "RequestEntityTooLarge",
    415: "UnsupportedMediaType",
    422: "Invalid",
    429: "TooManyRequests",
    500: "InternalError",
    503: "ServiceUnavailable",
    504: "Timeout",
}

_PHRASES = {
    409: "Conflict",
    429: "Too Many Requests",
    500: "Internal Server Error",
    503: "Service Unavailable",
}


def failure(
    code: int,
    about: RequestInfo,
    *,
    message: str | None = None,
    reason: str | None = None,
    retry_after: float | None = None,
) -> bytes:
    """Return the JSON of a Status with `code`, about the object that the request names."""
    details: dict[str, str | int] = {}
    if about.name:
        details["name"] = about.name
    if about.group:
        details["group"] = about.group
    if about.resource:
        details["kind"] = about.resource  # the API server puts the resource here too, not the kind
    if retry_after is not None:
        details["retryAfterSeconds"] = seconds(retry_after)
    status = {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": message if message is not None else f"refused with {code} by the test's API proxy",
        "reason": reason if reason is not None else REASONS.get(code, ""),
        "details": details,
        "code": code,
    }
    return json.dumps(status).encode() + b"\n"


def response(code: int, body: bytes, *, retry_after: float | None = None, close: bool = False) -> bytes:
    """Return the whole HTTP response that carries a Status."""
    lines = [
        f"HTTP/1.1 {code} {_PHRASES.get(code, REASONS.get(code, 'Status'))}",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        *([f"Retry-After: {seconds(retry_after)}"] if retry_after is not None else []),
        *(["Connection: close"] if close else []),
    ]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def seconds(pause: float) -> int:
    """Round up to whole seconds: the header and the field carry no fractions."""
    return -int(-pause // 1)
