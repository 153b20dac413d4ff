"""Edit what was exported."""

from vcr.serializers import yamlserializer


def change(path, edit):
    """Edit the interactions of a YAML cassette."""
    data = yamlserializer.deserialize(path.read_text("utf-8"))
    for entry in data["interactions"]:
        edit(entry)
    path.write_text(yamlserializer.serialize(data), "utf-8")
