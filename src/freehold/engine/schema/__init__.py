"""JSON Schemas of strangers: whether a value is as one says, in bounded time."""
