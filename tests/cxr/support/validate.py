"""Holds JSON documents against the published schemas, one a line: the name of a schema, a tab, the
document. Answers each with a line: nothing, or what is wrong with it.

A reader must bear members that a schema does not know; the program must not write any."""

import json
import pathlib
import sys

import jsonschema

docs = pathlib.Path(sys.argv[1])


def change(node, to_ref):
    """The schema without members that it does not know, and with other references."""
    if isinstance(node, list):
        return [change(part, to_ref) for part in node]
    if not isinstance(node, dict):
        return node
    node = {key: change(part, to_ref) for key, part in node.items()}
    if "properties" in node:
        node.setdefault("additionalProperties", False)
    if isinstance(node.get("$ref"), str):
        node["$ref"] = to_ref(node["$ref"])
    return node


def read(name):
    schema = json.loads((docs / f"{name}.schema.json").read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    return schema


def load(name):
    """A schema with what it refers to in that of the report: this validator opens no files."""
    here, there = "#/$defs/", "report.schema.json#/$defs/"
    schema = change(read(name), lambda ref: ref.replace(there, f"{here}report-"))
    report = change(read("report"), lambda ref: ref.replace(here, f"{here}report-"))
    schema["$defs"] |= {f"report-{key}": part for key, part in report["$defs"].items()}
    return jsonschema.Draft202012Validator(schema)


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
