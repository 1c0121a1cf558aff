"""What the standard says of an event: the `openai` package's types, and Open Responses' schemas.

Oddities that are tolerated, each for a reason:

- The package has the reasons of `incomplete_details` and the codes of errors as lists of literals,
  which its client never checks; the schemas have them as free text. Ours have others beside them:
  `cancelled`, `interrupted`, `upstream_failed`, and the codes of an upstream that failed.
- `cancelled` is a status of the package's types, and any text is one of the schemas'; the spec has
  no event of that name, so it comes with `response.incomplete`.
"""

import json
from functools import cache
from typing import Any, get_args

import jsonschema
import pytest
from openai.types.responses.responses_server_event import ResponsesServerEvent
from pydantic import BaseModel, ValidationError
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

from tests.service import ROOT

SCHEMAS = ROOT.parent / "shared" / "openresponses-openapi.json"
# The lists of literals that the package has shorter than the standard.
SHORTER_IN_THE_PACKAGE = {
    ("response", "incomplete_details", "reason"),
    ("response", "error", "code"),
}


@cache
def openai_types() -> dict[str, type[BaseModel]]:
    """The package's class for each type of event on a socket."""
    union = get_args(get_args(ResponsesServerEvent)[0])
    return {get_args(each.model_fields["type"].annotation)[0]: each for each in union}


def check_with_openai(event: dict[str, Any]) -> None:
    """The event is what the package says that its type is, without any conversion."""
    kind = openai_types()[event["type"]]
    try:
        kind.model_validate_json(json.dumps(event), strict=True)
    except ValidationError as error:
        wrong = [
            each
            for each in error.errors()
            if not (
                each["type"] == "literal_error" and tuple(each["loc"]) in SHORTER_IN_THE_PACKAGE
            )
        ]
        assert not wrong, (event, wrong)


@cache
def _document() -> dict[str, Any]:
    if not SCHEMAS.exists():
        pytest.skip("the Open Responses schemas are not beside the repository")
    found: dict[str, Any] = json.loads(SCHEMAS.read_text())
    return found


@cache
def _validator(name: str) -> jsonschema.Draft202012Validator:
    resource = Resource(contents=_document(), specification=DRAFT202012)
    schema = {"$ref": f"urn:standard#/components/schemas/{name}"}
    registry = Registry().with_resource("urn:standard", resource)
    return jsonschema.Draft202012Validator(schema, registry=registry)


@cache
def _schema_names() -> dict[str, str]:
    """The schema of each type of event."""
    schemas = _document()["components"]["schemas"]
    return {
        schemas[name]["properties"]["type"]["enum"][0]: name
        for name in schemas
        if name.endswith("StreamingEvent")
    }


def check_with_schemas(event: dict[str, Any]) -> None:
    """The event is what the standard's schema for its type says."""
    _check(_schema_names()[event["type"]], event)


def check_error_frame(frame: dict[str, Any]) -> None:
    _check("WebSocketErrorEvent", frame)


def check_response(response: dict[str, Any]) -> None:
    _check("ResponseResource", response)


def check_item(item: dict[str, Any]) -> None:
    _check("ItemField", item)


def _check(name: str, value: Any) -> None:
    errors = list(_validator(name).iter_errors(value))
    assert not errors, (value, [best(error) for error in errors])


def best(error: Any) -> str:
    return str(jsonschema.exceptions.best_match([error]).message)[:500]
