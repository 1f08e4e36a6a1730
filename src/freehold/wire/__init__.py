"""Dialects: bytes on the wire, read and written. No I/O."""
