"""Lists of models as providers give them, page by page."""

from __future__ import annotations

from freehold.wire.dialect import DialectName

Query = dict[str, str]


def first_page(dialect: DialectName) -> Query:
    """What is asked for: as long a page as the dialect has; the others do not divide their lists."""
    if dialect == "anthropic-messages":
        return {"limit": "1000"}
    return {"pageSize": "1000"} if dialect == "gemini" else {}


def read_page(dialect: DialectName, body: bytes) -> tuple[list[str], Query | None]:
    """The ids in one page, and what to ask for the next; None when it was the last one. Raises NotAnAnswer."""
    # Each dialect's own reader is loaded when it is needed.
    if dialect == "anthropic-messages":
        from freehold.wire.anthropic.models import read_model_ids  # noqa: PLC0415

        ids, last = read_model_ids(body)
        return ids, None if last is None else {**first_page(dialect), "after_id": last}
    if dialect == "gemini":
        from freehold.wire.gemini.models import decode_models  # noqa: PLC0415

        ids, token = decode_models(body)
        return ids, None if token is None else {**first_page(dialect), "pageToken": token}
    from freehold.wire.openai_models import read_model_ids as read_openai  # noqa: PLC0415

    return read_openai(body), None
