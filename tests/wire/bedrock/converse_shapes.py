"""What AWS's own client says about requests and answers of Converse: the judge of ours."""

from __future__ import annotations

import base64
from functools import cache
from typing import Any

import botocore.session
from botocore.validate import ParamValidator


@cache
def _model() -> Any:
    return botocore.session.get_session().get_service_model("bedrock-runtime")


def problems_of(body: Any, operation: str = "Converse") -> str:
    """What AWS's client finds wrong with a request's body; empty when nothing."""
    shape = _model().operation_model(operation).input_shape
    report = ParamValidator().validate({"modelId": "a", **_with_bytes(body, shape)}, shape)
    return str(report.generate_report())


def _with_bytes(value: Any, shape: Any) -> Any:
    """The value with what is base64 on the wire as bytes, as that client takes it."""
    if shape.type_name == "blob":
        return base64.b64decode(value, validate=True)
    if shape.type_name == "structure" and isinstance(value, dict) and not shape.is_document_type:
        return {
            name: _with_bytes(one, shape.members[name]) if name in shape.members else one
            for name, one in value.items()
        }
    if shape.type_name == "list" and isinstance(value, list):
        return [_with_bytes(one, shape.member) for one in value]
    return value
