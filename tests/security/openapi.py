"""An OpenAPI 3.1 description of what an HttpsTrigger accepts, for testing tools."""

from __future__ import annotations

from typing import Any

import msgspec

from eventkit.https.incoming import BYTES, JSON, STRUCTURED

_PROBLEM = {"$ref": "#/components/responses/Problem"}
# Spaces are listed one by one, because \s matches different ones in different languages.
_SPACES = "".join(letter for letter in map(chr, range(0x80, 0x3001)) if letter.isspace())
_WORD = rf"[^\x00-\x20\x7f{_SPACES}.*>]+"
_TOPIC = {"type": "string", "pattern": rf"^{_WORD}(\.{_WORD})*$"}
_BASE64 = "^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$"
_NOT_EMPTY = {"type": "string", "minLength": 1}
_CLOUD_EVENT = {
    "type": "object",
    "required": ["specversion", "id", "source", "type"],
    "not": {"required": ["data", "data_base64"]},
    "properties": {
        "specversion": {"const": "1.0"},
        "id": _NOT_EMPTY,
        "source": _NOT_EMPTY,
        "type": _TOPIC,
        "time": {"type": "string", "format": "date-time"},
        "subject": _NOT_EMPTY,
        "cause": _NOT_EMPTY,
        "data": {},
        "data_base64": {"type": "string", "contentEncoding": "base64", "pattern": _BASE64},
    },
}


def describe(max_bytes: int) -> bytes:
    """Return the description as JSON."""
    return msgspec.json.encode(
        {
            "openapi": "3.1.0",
            "info": {
                "title": "eventkit HttpsTrigger",
                "version": "1",
                "description": f"Events come in. A body has at most {max_bytes} bytes.",
            },
            "security": [{"token": []}, {"certificate": []}],
            "paths": {
                "/topics/{topic}": {"post": _post_plain()},
                "/events": {"post": _post_event()},
            },
            "components": {
                "securitySchemes": {
                    "token": {"type": "http", "scheme": "bearer"},
                    "certificate": {"type": "mutualTLS"},
                },
                "schemas": {"CloudEvent": _CLOUD_EVENT},
                "responses": {"Problem": _problem()},
            },
        }
    )


def _post_plain() -> dict[str, Any]:
    return {
        "operationId": "postPlain",
        "summary": "JSON becomes the data of an event on the topic.",
        "parameters": [{"name": "topic", "in": "path", "required": True, "schema": _TOPIC}],
        "requestBody": {"required": True, "content": {JSON: {"schema": {}}}},
        "responses": _responses(202, 400, 401, 403, 413, 415, 429, 503, 504),
    }


def _post_event() -> dict[str, Any]:
    """Describe binary mode in prose: its headers would be required of structured mode too."""
    return {
        "operationId": "postEvent",
        "summary": "A CloudEvent becomes an event.",
        "description": f"In structured mode as below; in binary mode the attributes are in ce- "
        f"headers and the body is {JSON} or {BYTES}.",
        "requestBody": {
            "required": True,
            "content": {STRUCTURED: {"schema": {"$ref": "#/components/schemas/CloudEvent"}}},
        },
        "responses": _responses(202, 400, 401, 403, 413, 415, 429, 503, 504),
    }


def _responses(*statuses: int) -> dict[str, Any]:
    accepted = {
        "description": "Accepted: inline handlers have run, and other executors have queued it."
    }
    return {str(status): accepted if status == 202 else _PROBLEM for status in statuses}


def _problem() -> dict[str, Any]:
    return {
        "description": "Refused, and why (RFC 9457).",
        "content": {
            "application/problem+json": {
                "schema": {
                    "type": "object",
                    "required": ["title", "status"],
                    "properties": {
                        "title": {"type": "string"},
                        "status": {"type": "integer"},
                        "detail": {"type": "string"},
                    },
                }
            }
        },
    }
