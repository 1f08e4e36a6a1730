"""A secret that does not show itself by accident."""

from __future__ import annotations


class Secret:
    """Holds a provider's key or the like. `reveal()` is the only way to read it; repr, str and pickling hide it."""

    __slots__ = ("_value", "source")

    def __init__(self, value: str, source: str) -> None:
        """`source` is the reference it came from, `env:NAME` or `file:PATH`; that much may be shown."""
        self._value = value
        self.source = source

    def reveal(self) -> str:
        """The secret itself. Call it only where it goes onto the wire."""
        return self._value

    def __repr__(self) -> str:
        return f"Secret({self.source})"

    __str__ = __repr__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash(self._value)

    def __reduce__(self) -> str:
        raise TypeError("a secret is never serialised")
