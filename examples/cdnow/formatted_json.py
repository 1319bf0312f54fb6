"""JSON in the form that the repository's formatter (Biome) gives it, so that it finds nothing to change."""

import json

LINE_WIDTH = 110


def json_bytes(value):
    """A whole file: one member of an object a line, numbers of a list as many as fit."""
    return (text_of(value, indent="", before=0) + "\n").encode()


def text_of(value, indent, before):
    """`before` is the width of what stands on the line already, `indent` included."""
    inner = indent + "  "
    if isinstance(value, dict):
        members = []
        for name, member in value.items():
            key = f"{inner}{json.dumps(name)}: "
            members.append(key + text_of(member, inner, len(key)))
        return "{\n" + ",\n".join(members) + f"\n{indent}}}"
    if not isinstance(value, list):
        return json.dumps(value)
    line = json.dumps(value)
    scalar = not any(isinstance(item, dict | list) for item in value)
    # One more for the comma that may follow.
    if scalar and before + len(line) + 1 <= LINE_WIDTH:
        return line
    if scalar and not any(isinstance(item, str) for item in value):
        return "[\n" + filled([json.dumps(item) for item in value], inner) + f"\n{indent}]"
    items = [inner + text_of(item, inner, len(inner)) for item in value]
    return "[\n" + ",\n".join(items) + f"\n{indent}]"


def filled(items, indent):
    lines = [indent + items[0]]
    for item in items[1:]:
        if len(lines[-1]) + len(item) + 3 <= LINE_WIDTH:
            lines[-1] += f", {item}"
        else:
            lines[-1] += ","
            lines.append(indent + item)
    return "\n".join(lines)
