"""Validates requests to AWS against botocore's service models.

Reads a JSON list of {"service", "operation", "input"}, writes {"validated", "problems"}.
"""

import json
import re
import sys

from botocore.session import Session
from botocore.validate import ParamValidator

session = Session()
models = {}


def model_of(service):
    if service not in models:
        models[service] = session.get_service_model(service)
    return models[service]


def size_of(shape, value):
    if shape.type_name in ("string", "list", "map"):
        return len(value)
    return value if shape.type_name in ("integer", "long", "float", "double") else None


def constraints(shape, value, path):
    """What ParamValidator leaves to the service: enums, upper bounds, patterns."""
    metadata = shape.metadata
    size = size_of(shape, value)
    if size is not None and "max" in metadata and size > metadata["max"]:
        yield f"{path}: {size} is more than {metadata['max']}"
    if "enum" in metadata and value not in metadata["enum"]:
        yield f"{path}: {value!r} is none of the enum"
    # Java's classes of characters are unknown to Python.
    pattern = metadata.get("pattern")
    if pattern and "\\p{" not in pattern and not re.fullmatch(pattern, value):
        yield f"{path}: {value!r} does not match {pattern}"
    if shape.type_name == "structure":
        for name, inner in value.items():
            yield from constraints(shape.members[name], inner, f"{path}.{name}")
    elif shape.type_name == "list":
        for index, inner in enumerate(value):
            yield from constraints(shape.member, inner, f"{path}[{index}]")
    elif shape.type_name == "map":
        for key, inner in value.items():
            yield from constraints(shape.key, key, f"{path} (key)")
            yield from constraints(shape.value, inner, f"{path}[{key!r}]")


def problems_of(service, operation, value):
    model = model_of(service)
    if model.metadata["protocol"] == "query":
        # A form says in itself what it asks for; what follows is text, and is not looked at.
        value = {name: inner for name, inner in value.items() if name not in ("Action", "Version")}
    shape = model.operation_model(operation).input_shape
    report = ParamValidator().validate(value, shape)
    if report.has_errors():
        yield from (f"{operation}: {line}" for line in report.generate_report().splitlines())
    else:
        yield from constraints(shape, value, operation)


requests = json.load(sys.stdin)
problems = [line for one in requests for line in problems_of(one["service"], one["operation"], one["input"])]
json.dump({"validated": len(requests), "problems": problems}, sys.stdout)
