"""The JSON schemas in specs."""

import json
import os

import jsonschema


def schema(name):
    specs = os.path.join(os.path.dirname(os.path.abspath(__file__)), "specs")
    with open(os.path.join(specs, name)) as file:
        return json.load(file)


def faults_of(validator, value):
    """Of a choice, those of the alternative that fits best."""
    for error in validator.iter_errors(value):
        best = jsonschema.exceptions.best_match([error])
        yield f"{best.json_path}: {best.message[:300]}"
