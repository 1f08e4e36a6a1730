"""Parts, written as the content of messages and of tools' results."""

from __future__ import annotations

import base64

import msgspec

from freehold.core.losses import Losses
from freehold.core.parts import Foreign, Media, Refusal, Text
from freehold.wire.responses.citations import write_citation
from freehold.wire.responses.vocabulary import MESSAGE, NAME, Json, own_fields

_FORMATS = {
    "audio/mpeg": "mp3",
    "audio/mp3": "mp3",
    "audio/wav": "wav",
    "audio/x-wav": "wav",
    "audio/wave": "wav",
}
_PICTURES = (("iVBOR", "image/png"), ("R0lG", "image/gif"), ("UklGR", "image/webp"))
"""How the base64 of pictures begins."""
_ENDINGS = {
    "application/pdf": "pdf",
    "text/plain": "txt",
    "text/markdown": "md",
    "text/csv": "csv",
    "text/html": "html",
}


class ContentWriter:
    """Writes parts for one provider; `input_media` are the kinds of media that it takes."""

    def __init__(self, dialect: str, input_media: tuple[str, ...], losses: Losses) -> None:
        """`dialect` is the one that the parts came in."""
        self.dialect = dialect
        self.losses = losses
        self._input_media = input_media

    def write(
        self, part: Text | Refusal | Media | Foreign, *, of_model: bool, result: bool = False
    ) -> Json | msgspec.Raw | None:
        """The part; None when it is lost. `of_model`: an assistant said it. `result`: a tool gave it."""
        if isinstance(part, Text):
            return self._text(part, of_model)
        if isinstance(part, Refusal):
            return {"type": "refusal", "refusal": part.text, **self.further(part.extra)}
        if isinstance(part, Foreign):
            if part.dialect == NAME:
                return msgspec.Raw(part.raw)
            self.losses.add("part", part.kind)
            return None
        if of_model and part.transcript is not None:
            self.losses.add(part.kind)  # its words are not
            return {"type": "output_text", "text": part.transcript, "annotations": []}
        written = None if of_model or part.kind not in self._input_media else self._media(part, result)
        if written is None:
            self._lose(part, result)
        return written

    def further(self, fields: dict[str, msgspec.Raw]) -> dict[str, msgspec.Raw]:
        """A part's further fields, as far as they are this dialect's, without those of its item."""
        fields = own_fields(fields, self.dialect, self.losses)
        return {name: value for name, value in fields.items() if not name.startswith(MESSAGE)}

    def _text(self, part: Text, of_model: bool) -> Json:
        if part.cache is not None:
            self.losses.add("cache")
        written: Json = {"type": "output_text" if of_model else "input_text", "text": part.text}
        if of_model:
            annotations = [write_citation(citation, self.losses) for citation in part.citations]
            written["annotations"] = [one for one in annotations if one is not None]
        elif part.citations:
            self.losses.add("citations")
        return {**written, **self.further(part.extra)}

    def _lose(self, part: Media, result: bool) -> None:
        if part.file_id is not None:
            self.losses.add("file")
        elif result:
            self.losses.add("tool_result.media")
        else:
            self.losses.add(part.kind)

    def _media(self, part: Media, result: bool) -> Json | None:
        if part.cache is not None:
            self.losses.add("cache")
        if part.file_id is not None and self.dialect != NAME:
            return None
        written: Json | None = None
        if part.kind == "image":
            written = _image(part)
        elif part.kind == "document":
            written = self._document(part)
        elif part.kind == "audio" and not result:
            written = _sound(part)
        return None if written is None else {**written, **self.further(part.extra)}

    def _document(self, part: Media) -> Json | None:
        written: Json = {"type": "input_file"}
        if part.file_id is not None:
            written["file_id"] = part.file_id
        elif part.url is not None:
            written["file_url"] = part.url
        else:
            mime_type, data = part.mime_type, part.data
            if part.text is not None:
                mime_type = mime_type or "text/plain"
                data = base64.b64encode(part.text.encode("utf-8", "replace")).decode()
            elif mime_type is None and self.dialect != NAME:
                mime_type = "application/pdf"
            if data is None:
                return None
            written["file_data"] = data if mime_type is None else f"data:{mime_type};base64,{data}"
        if part.name is not None:
            written["filename"] = part.name
        elif "file_data" in written and self.dialect != NAME:
            # Without a name the data is refused.
            written["filename"] = f"document.{_ENDINGS.get(mime_type or '', 'pdf')}"
        if part.detail is not None:
            written["detail"] = part.detail
        return written


def _image(part: Media) -> Json | None:
    written: Json = {"type": "input_image"}
    if part.file_id is not None:
        written["file_id"] = part.file_id
    elif part.url is not None:
        written["image_url"] = part.url
    elif part.data is not None:
        written["image_url"] = f"data:{part.mime_type or _picture_type(part.data)};base64,{part.data}"
    else:
        return None
    if part.detail is not None:
        written["detail"] = part.detail
    return written


def _picture_type(data: str) -> str:
    return next((kind for beginning, kind in _PICTURES if data.startswith(beginning)), "image/jpeg")


def _sound(part: Media) -> Json | None:
    if part.data is None:
        return None
    mime_type = (part.mime_type or "audio/wav").partition(";")[0].lower()
    form = _FORMATS.get(mime_type, mime_type.rpartition("/")[2])
    return {"type": "input_audio", "input_audio": {"data": part.data, "format": form}}
