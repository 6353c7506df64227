"""What the judges in Python share: faults go to the output, a line each, and make the exit status 1."""

import json
import sys
import traceback


def judge(faults):
    """Judges each file that the command line names by `faults(path)`. A judge that fails itself exits with 2."""
    try:
        found = [f"{path}: {fault}" for path in sys.argv[1:] for fault in faults(path)]
    except Exception:
        traceback.print_exc()
        sys.exit(2)
    for fault in found:
        print(fault)
    sys.exit(bool(found))


def judge_json(faults):
    """The same by `faults(value)`, with what the JSON in the file says."""

    def faults_in(path):
        with open(path) as file:
            text = file.read()
        try:
            value = json.loads(text)
        except ValueError as error:
            return [f"not JSON: {error}"]
        return faults(value)

    judge(faults_in)
