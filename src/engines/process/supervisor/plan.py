"""What to run.

No JSON: its parser takes Python as long to load as to start.
"""
import os


class Plan:
    """What to run, read from `plan`: records of three NUL-terminated fields, kind, name and value."""

    def __init__(self, data):
        fields = data.split(b"\0")
        self.settings = {}
        self.environment = {}
        self.arguments = []
        self.inputs = []
        self.watched = []
        self.copies = []
        self.outputs = []
        # Power that was lost may have cut it: half a command, or one without its outputs, must not run.
        self.whole = data.endswith(b"\0end\0\0\0")
        for kind, name, value in zip(fields[0::3], fields[1::3], fields[2::3]):
            self._add(kind.decode(), os.fsdecode(name), os.fsdecode(value))

    def _add(self, kind, name, value):
        if kind == "set":
            self.settings[name] = value
        elif kind == "env":
            self.environment[name] = value
        elif kind == "arg":
            self.arguments.append(value)
        elif kind == "input":
            self.inputs.append((name, value))
        elif kind == "watch":
            self.watched.append(name)
        elif kind == "copy":
            self.copies.append(name)
        elif kind in ("move", "archive", "optional-archive"):
            self.outputs.append((kind, name, value))
        elif kind != "end":
            raise ValueError("unknown record in the plan: " + kind)


def read_plan():
    with open("plan", "rb") as file:
        return Plan(file.read())
