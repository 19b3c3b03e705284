"""Holds files to OSCAL by bindings that others generated from NIST's own JSON Schema."""

import sys

from oscal_bindings.v1 import parse_oscal

for name in sys.argv[1:]:
    with open(name, encoding="utf-8") as file:
        kind = type(parse_oscal(file.read()).root).__name__
    if kind != "AssessmentResultsDocument":
        sys.exit(f"{name} is a {kind}")
