"""Holds JSON documents against the published schemas, one a line: the name of a schema, a tab, the
document. Answers each with a line: nothing, or what is wrong with it.

A reader must bear members that a schema does not know; the program must not write any."""

import json
import pathlib
import sys

import jsonschema

docs = pathlib.Path(sys.argv[1])


def strict(node):
    """The schema without members that it does not know."""
    if isinstance(node, list):
        return [strict(part) for part in node]
    if not isinstance(node, dict):
        return node
    node = {key: strict(part) for key, part in node.items()}
    if "properties" in node:
        node.setdefault("additionalProperties", False)
    if node.get("$ref", "").startswith("report.schema.json#"):
        node["$ref"] = node["$ref"].removeprefix("report.schema.json")
    return node


def load(name):
    schema = json.loads((docs / f"{name}.schema.json").read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    report = json.loads((docs / "report.schema.json").read_text())
    schema["$defs"] = report["$defs"] | schema.get("$defs", {})
    return jsonschema.Draft202012Validator(strict(schema))


validators = {}
for line in sys.stdin.buffer:
    name, document = line.decode().split("\t", 1)
    if name not in validators:
        validators[name] = load(name)
    wrong = [
        f"{'/'.join(map(str, error.path))}: {error.message}"
        for error in validators[name].iter_errors(json.loads(document))
    ]
    print("; ".join(wrong).replace("\n", " "), flush=True)
