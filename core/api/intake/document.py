"""The part of the OpenAPI document about bodies, which the framework does not read itself."""

from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from core.api.intake.items import MOST_ITEMS, Unusable
from core.api.intake.routes import ActiveCallSign
from core.api.problems import PROBLEM
from core.models.calls.reports import CallReport
from core.models.metrics import CallMetrics, ServiceSample, TurnMetrics

_TAKEN: dict[str, tuple[type[BaseModel], ...]] = {
    "/api/v1/calls": (CallMetrics, CallReport),
    "/api/v1/turns": (TurnMetrics,),
    "/api/v1/service-calls": (ServiceSample,),
    "/api/v1/active-calls": (ActiveCallSign,),
}
_TEMPLATE = "#/components/schemas/{model}Input"
"""Separate from the same models in answers, which have all fields."""


def describe_bodies(document: dict[str, Any]) -> dict[str, Any]:
    """Return an OpenAPI document that says what each path accepts, and how it refuses it."""
    models = [model for taken in _TAKEN.values() for model in taken]
    names, found = models_json_schema([(model, "validation") for model in models], ref_template=_TEMPLATE)
    schemas = document["components"]["schemas"]
    schemas |= {f"{name}Input": schema for name, schema in found["$defs"].items()}
    unusable = Unusable.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas |= {**unusable.pop("$defs"), "Unusable": unusable}
    for path, taken in _TAKEN.items():
        operation = document["paths"][path]["post"]
        one = [names[model, "validation"] for model in taken]
        item = one[0] if len(one) == 1 else {"anyOf": one}
        array = {"type": "array", "items": item, "minItems": 1, "maxItems": MOST_ITEMS}
        body = {"application/json": {"schema": {"anyOf": [item, array]}}}
        operation["requestBody"] = {"required": True, "content": body}
        refused = {"schema": {"$ref": "#/components/schemas/Unusable"}}
        operation["responses"]["422"] = {"description": "No item is good", "content": {PROBLEM: refused}}
    return document
