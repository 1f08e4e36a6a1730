"""Requests that nobody sends by mistake, each with the answers that are right for it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, repeat

Pieces = Iterable[bytes | float]

CHAT = "/v1/chat/completions"
GOOD = b'{"model":"default","messages":[{"role":"user","content":"hello"}]}'
MEGABYTE = b" " * (1 << 20)


@dataclass(frozen=True)
class Attack:
    """One connection's worth of malice."""

    name: str
    send: Callable[[str], Pieces]
    """From a good key to what is sent; numbers are pauses in seconds."""
    statuses: tuple[int, ...]
    """The answers that are right."""
    within: float = 2.0
    """Seconds until it has to be there."""
    closes: bool = False
    """The connection must not be used any more: what follows could be taken for a request."""


def head(
    key: str,
    *headers: str | bytes,
    method: str = "POST",
    target: str | bytes = CHAT,
    version: str = "HTTP/1.1",
    content_type: str | None = "application/json",
) -> bytes:
    """A request's head with a good key."""
    lines: list[str | bytes] = [
        b"%b %b %b"
        % (method.encode(), target if isinstance(target, bytes) else target.encode(), version.encode()),
        "host: 127.0.0.1",
        f"authorization: Bearer {key}",
    ]
    if content_type is not None:
        lines.append(f"content-type: {content_type}")
    raw = [line if isinstance(line, bytes) else line.encode("latin-1") for line in (*lines, *headers)]
    return b"\r\n".join(raw) + b"\r\n\r\n"


def whole(key: str, body: bytes, *headers: str | bytes, **more: str) -> Pieces:
    """A request with a body of known length."""
    return [head(key, *headers, f"content-length: {len(body)}", **more), body]


def body_attack(name: str, body: bytes, *statuses: int) -> Attack:
    """A well-formed request around a bad body."""
    return Attack(name, lambda key: whole(key, body), statuses or (400,))


def head_attack(
    name: str, *headers: str | bytes, statuses: tuple[int, ...] = (400,), closes: bool = True
) -> Attack:
    """A good body under a bad head."""
    return Attack(name, lambda key: [head(key, *headers), GOOD], statuses, closes=closes)


def raw_attack(name: str, data: bytes, *statuses: int) -> Attack:
    """Bytes as they are; `@KEY@` is the key."""
    return Attack(name, lambda key: [data.replace(b"@KEY@", key.encode())], statuses or (400,), closes=True)


def content_type_attack(kind: str) -> Attack:
    """A good body that is said to be something else."""
    return Attack(f"content type {kind}", lambda key: whole(key, GOOD, content_type=kind), (415,))


def key_attack(name: str, *headers: bytes) -> Attack:
    """A good request without a good key."""
    lines = [
        b"POST /v1/chat/completions HTTP/1.1",
        b"host: a",
        *headers,
        b"content-type: application/json",
        b"content-length: %d" % len(GOOD),
        b"",
        GOOD,
    ]
    return Attack(name, lambda _: [b"\r\n".join(lines)], (401,))


def method_attack(method: str) -> Attack:
    """A method that is not POST."""
    return Attack(
        f"{method} where POST belongs",
        lambda key: [head(key, "content-length: 0", method=method)],
        (405,),
    )


def path_attack(target: str) -> Attack:
    """A good request to nowhere."""
    return Attack(f"the path {target[:40]}", lambda key: whole(key, GOOD, target=target), (404,))


def chunk(data: bytes) -> bytes:
    """One chunk of a chunked body."""
    return b"%x\r\n%b\r\n" % (len(data), data)


def chunked(key: str, pieces: Pieces) -> Iterator[bytes | float]:
    """A chunked request whose framing `pieces` bring along."""
    yield head(key, "transfer-encoding: chunked")
    yield from pieces


def dripping(key: str, data: bytes, pause: float, *headers: str) -> Iterator[bytes | float]:
    """A body that comes byte by byte."""
    yield head(key, *headers)
    for byte in data:
        yield bytes([byte])
        yield pause


def endless(data: bytes) -> Iterator[bytes | float]:
    """The same again and again, with a little breath in between for those who share the machine."""
    while True:
        yield data
        yield 0.01


def slow_head(key: str, pause: float) -> Iterator[bytes | float]:
    """Headers that come one by one, and never all."""
    yield head(key)[:-2]
    for number in range(10_000):
        yield f"x-{number}: y\r\n".encode()
        yield pause


def message(**fields: object) -> bytes:
    """A good body with more fields."""
    return json.dumps({**json.loads(GOOD), **fields}).encode()


def nested(opening: bytes, closing: bytes, depth: int) -> bytes:
    """Brackets in brackets."""
    return opening * depth + closing * depth


def with_raw(field: bytes, value: bytes) -> bytes:
    """A good body with one more field as raw bytes."""
    return GOOD[:-1] + b',"' + field + b'":' + value + b"}"


BODIES = [
    Attack(
        "100 MB declared",
        lambda key: chain([head(key, "content-length: 104857600")], repeat(MEGABYTE, 100)),
        (413,),
    ),
    Attack(
        "100 MB declared, and leave to send it asked for",
        lambda key: [head(key, "content-length: 104857600", "expect: 100-continue")],
        (413,),
    ),
    Attack("100 MB chunked", lambda key: chunked(key, repeat(chunk(MEGABYTE), 100)), (413,), within=5),
    Attack(
        "a body that never comes", lambda key: [head(key, "content-length: 100"), 30.0], (408,), within=2.5
    ),
    Attack("a chunked body that stops", lambda key: chunked(key, [chunk(GOOD), 30.0]), (408,), within=2.5),
    Attack(
        "a body that drips",
        lambda key: dripping(key, GOOD, 0.05, f"content-length: {len(GOOD)}"),
        (408,),
        within=2.5,
    ),
    Attack("no body and no length", lambda key: [head(key)], (400,)),
    body_attack("an empty body", b""),
    body_attack("an opening bracket", b"{"),
    body_attack("an unfinished value", b'{"model":'),
    body_attack("something after the end", GOOD + b"}"),
    body_attack("two documents", GOOD + GOOD),
    body_attack("single quotes", b"{'model': 'default'}"),
    body_attack("a comment", b"/* */" + GOOD),
    body_attack("a trailing comma", GOOD[:-1] + b",}"),
    body_attack("a list", b"[" + GOOD + b"]"),
    body_attack("a string", b'"default"'),
    body_attack("a number", b"1e999"),
    body_attack("null", b"null"),
    body_attack("spaces", b" " * 1000),
    body_attack("null bytes", b"\0" * 1000),
    body_attack("a null byte in the middle", GOOD.replace(b"hello", b"hel\0lo")),
    body_attack("no model", b'{"messages":[{"role":"user","content":"x"}]}'),
    body_attack("a model that is a number", message(model=7)),
    body_attack("a model that is nothing", message(model="")),
    body_attack("a model that is a list", message(model=["default"])),
    body_attack("a model nobody knows", message(model="nobody"), 404),
    body_attack("a model with a line of its own", message(model="sim\r\nx-evil: 1"), 400, 404),
    body_attack("a model with a name of 1 MB", message(model="m" * 1_000_000), 400, 404, 413),
    body_attack("a model of a provider that is a path", message(model="../../etc/passwd"), 400, 404),
    body_attack("no messages", b'{"model":"default"}'),
    body_attack("messages that are empty", message(messages=[])),
    body_attack("messages that are an object", message(messages={})),
    body_attack("stream that is a string", message(stream="yes")),
    body_attack("stream options that are a list", message(stream=True, stream_options=[1])),
    body_attack("100,000 brackets", nested(b"[", b"]", 100_000)),
    body_attack("100,000 brackets, never closed", b"[" * 100_000),
    body_attack("100,000 braces", nested(b'{"a":', b"}", 100_000)),
    body_attack("100,000 brackets in the messages", with_raw(b"messages", nested(b"[", b"]", 100_000))),
    body_attack("100,000 brackets in a field of no meaning", with_raw(b"x", nested(b"[", b"]", 100_000))),
    body_attack("a million brackets", b"[" * 1_000_000),
    body_attack("invalid UTF-8", GOOD.replace(b"hello", b"\xff\xfe\x80")),
    body_attack("overlong UTF-8", GOOD.replace(b"hello", b"\xc0\xaf")),
    body_attack("surrogates in UTF-8", GOOD.replace(b"hello", b"\xed\xa0\x80")),
    body_attack("UTF-16", GOOD.decode().encode("utf-16")),
    body_attack("a byte order mark", b"\xef\xbb\xbf" + GOOD),
    body_attack("NaN", with_raw(b"temperature", b"NaN")),
    body_attack("infinity", with_raw(b"temperature", b"-Infinity")),
    body_attack("a lone surrogate as the model", GOOD.replace(b"default", b"\\ud800")),
    body_attack("a bad escape", GOOD.replace(b"hello", b"\\x41")),
    body_attack("a number with a leading zero", with_raw(b"temperature", b"01")),
    body_attack("a raw line feed in a string", GOOD.replace(b"hello", b"a\nb")),
]

CONTENT_TYPES = [
    *map(
        content_type_attack,
        (
            "text/plain",
            "application/x-www-form-urlencoded",
            "multipart/form-data; boundary=x",
            "application/json-seq",
            "text/html; application/json",
            "application/xml",
            "nonsense",
        ),
    ),
    Attack("a compressed body", lambda key: whole(key, b"\x1f\x8b" + GOOD, "content-encoding: gzip"), (415,)),
    Attack("a body compressed twice", lambda key: whole(key, GOOD, "content-encoding: br, br"), (415,)),
]

HEADS = [
    Attack(
        "10,000 headers",
        lambda key: [head(key, *(f"x-{i}: y" for i in range(10_000))), GOOD],
        (431,),
        closes=True,
    ),
    Attack("one header of 1 MB", lambda key: [head(key, "x: " + "y" * 1_000_000), GOOD], (431,), closes=True),
    Attack(
        "a header name of 1 MB", lambda key: [head(key, "y" * 1_000_000 + ": x"), GOOD], (431,), closes=True
    ),
    Attack(
        "a header without end",
        lambda key: chain([head(key)[:-2] + b"x: "], repeat(b"y" * 65536, 2000)),
        (431,),
        closes=True,
    ),
    Attack(
        "headers without end",
        lambda key: chain([head(key)[:-2]], repeat(b"x: y\r\n" * 1000)),
        (431,),
        closes=True,
    ),
    Attack("a key of 1 MB", lambda _: [head("fh-" + "k" * 1_000_000), GOOD], (401, 431)),
    Attack("a key of 60 kB", lambda _: [head("fh-" + "k" * 60_000, "content-length: 0")], (401, 431)),
    Attack("a URL of 1 MB", lambda key: [head(key, target="/" + "a" * 1_000_000)], (414, 431), closes=True),
    Attack(
        "a query of 60 kB", lambda key: [head(key, target="/v1/nothing?" + "a" * 60_000)], (404, 414, 431)
    ),
    Attack("headers that drip", lambda key: slow_head(key, 0.05), (408,), within=2.5, closes=True),
    Attack("nothing at all", lambda _: [30.0], (408,), within=2.5, closes=True),
    Attack("half a request line", lambda _: [b"POST /v1/ch", 30.0], (408,), within=2.5, closes=True),
    raw_attack("a null byte in a header", b"POST /v1/models HTTP/1.1\r\nhost: a\r\nx: a\0b\r\n\r\n"),
    raw_attack("a header without a colon", b"GET /v1/models HTTP/1.1\r\nhost: a\r\nnonsense\r\n\r\n"),
    raw_attack("a space before the colon", b"GET /v1/models HTTP/1.1\r\nhost : a\r\n\r\n"),
    raw_attack("a folded header", b"GET /v1/models HTTP/1.1\r\nhost: a\r\nx: a\r\n b\r\n\r\n", 400, 401),
    raw_attack("a bare carriage return", b"GET /v1/models HTTP/1.1\r\nhost: a\rx: b\r\n\r\n"),
    raw_attack("a header with no name", b"GET /v1/models HTTP/1.1\r\n: a\r\n\r\n"),
    raw_attack("a null byte in the path", b"GET /v1/mo\0dels HTTP/1.1\r\nhost: a\r\n\r\n"),
    raw_attack("a space in the path", b"GET /v1/mo dels HTTP/1.1\r\nhost: a\r\n\r\n"),
    raw_attack("noise", bytes(range(256)) * 20),
    raw_attack("a TLS greeting", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 500),
    raw_attack("the greeting of HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400, 505),
    raw_attack("HTTP/0.9", b"GET /v1/models\r\n\r\n", 400, 401, 505),
    raw_attack("HTTP/3.7", b"GET /v1/models HTTP/3.7\r\nhost: a\r\n\r\n", 400, 505),
    raw_attack("a protocol that is not HTTP", b"GET /v1/models SPDY/1.1\r\nhost: a\r\n\r\n"),
]

KEYS = [
    key_attack("no key"),
    key_attack("an unknown key", b"authorization: Bearer fh-0123456789012345678901234567890123456789012"),
    key_attack("a key of another maker", b"authorization: Bearer sk-0123456789"),
    key_attack("an empty key", b"authorization: Bearer "),
    key_attack("only the word", b"authorization: Bearer"),
    key_attack("only spaces", b"authorization: Bearer    "),
    key_attack("another scheme", b"authorization: Basic Zm9vOmJhcg=="),
    key_attack("a key that is not ASCII", b"authorization: Bearer fh-\xc3\xbc\xff\xfe"),
    key_attack("a key with SQL in it", b"authorization: Bearer fh-' OR 1=1 --"),
    key_attack("a bare key", b"authorization: fh-012345678901234567890123456789012345678901"),
    key_attack("an empty key in another header", b"api-key:"),
]

METHODS = [
    *map(method_attack, ("GET", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE")),
    Attack("POST where GET belongs", lambda key: whole(key, GOOD, target="/v1/models"), (405,)),
    Attack("a method nobody knows", lambda key: [head(key, method="BREW")], (400, 405, 501)),
    Attack("a method of lower case", lambda key: [head(key, method="post")], (400, 405, 501)),
    Attack(
        "CONNECT",
        lambda key: [head(key, method="CONNECT", target="169.254.169.254:80")],
        (400, 404, 405, 501),
    ),
]

PATHS = [
    *map(
        path_attack,
        (
            "/",
            "/v1",
            "/v2/chat/completions",
            "/v1/chat/completions/",
            "//v1/chat/completions",
            "/v1//chat/completions",
            "/V1/CHAT/COMPLETIONS",
            "/v1/chat/completions%00",
            "/v1/chat/completions;x=1",
            "/v1/../v1/chat/completions",
            "/v1/%2e%2e/%2e%2e/etc/passwd",
            "/../../../../etc/passwd",
            "/%",
            "/%zz",
            "/%ff%fe",
            "/static/" + "a/" * 5000,
            "http://169.254.169.254/latest/meta-data",
        ),
    ),
    Attack("an asterisk for a path", lambda key: [head(key, method="OPTIONS", target="*")], (400, 404, 405)),
    Attack(
        "a model that is a path",
        lambda key: [head(key, method="GET", target="/v1/models/../../etc/passwd")],
        (404,),
    ),
    Attack(
        "a path that is not UTF-8",
        lambda key: [head(key, method="GET", target=b"/v1/\xff\xfe")],
        (400, 404),
    ),
]

SECOND = b"GET /v1/smuggled HTTP/1.1\r\nhost: a\r\n\r\n"
"""What a smuggler wants to be taken for a request of its own."""

SMUGGLING = [
    Attack(
        "a length and chunks",
        lambda key: [head(key, "content-length: 5", "transfer-encoding: chunked"), b"0\r\n\r\n" + SECOND],
        (400,),
        closes=True,
    ),
    Attack(
        "chunks and a length",
        lambda key: [head(key, "transfer-encoding: chunked", "content-length: 60"), b"0\r\n\r\n" + SECOND],
        (400,),
        closes=True,
    ),
    head_attack("two lengths", "content-length: 66", "content-length: 5"),
    head_attack("two lengths in one", "content-length: 66, 5"),
    head_attack("a length below nothing", "content-length: -1"),
    head_attack("a length with a plus", "content-length: +66"),
    head_attack("a length in hexadecimal", "content-length: 0x42"),
    head_attack("a length with a point", "content-length: 66.0"),
    head_attack("a length in words", "content-length: many"),
    head_attack("a length of nothing", "content-length: "),
    head_attack("a length beyond 64 bits", "content-length: 99999999999999999999999", statuses=(400, 413)),
    head_attack(
        "a length just below 64 bits",
        "content-length: 18446744073709551615",
        statuses=(400, 413),
        closes=False,
    ),
    head_attack("chunked, and then something else", "transfer-encoding: chunked, identity"),
    head_attack("almost chunked", "transfer-encoding: xchunked"),
    head_attack("chunked with a control character", b"transfer-encoding: \x0bchunked"),
    head_attack("chunked twice, once hidden", "transfer-encoding: identity", "transfer-encoding: chunked, x"),
    Attack(
        "a size that is no number",
        lambda key: chunked(key, [b"g\r\n" + GOOD]),
        (400,),
        closes=True,
    ),
    Attack("a size below nothing", lambda key: chunked(key, [b"-1\r\n" + GOOD]), (400,), closes=True),
    Attack("a size beyond 64 bits", lambda key: chunked(key, [b"F" * 40 + b"\r\n"]), (400,), closes=True),
    Attack("a size with 0x", lambda key: chunked(key, [b"0x42\r\n" + GOOD]), (400,), closes=True),
    Attack("a size with a space", lambda key: chunked(key, [b"4 2\r\n" + GOOD]), (400,), closes=True),
    Attack("a chunk longer than it says", lambda key: chunked(key, [b"5\r\n" + GOOD]), (400,), closes=True),
    Attack(
        "line feeds alone",
        lambda key: chunked(key, [b"%x\n%b\n0\n\n" % (len(GOOD), GOOD)]),
        (400,),
        closes=True,
    ),
]

ENDLESS = [
    Attack("a body", lambda key: chunked(key, endless(chunk(MEGABYTE))), (413,), within=8),
    Attack(
        "a body in small chunks",
        lambda key: chunked(key, endless(chunk(b"{" * 10) * 2000)),
        (408, 413),
        within=8,
    ),
    Attack(
        "an extension of a chunk",
        lambda key: chunked(key, chain([b"1;"], endless(b"a" * 65536))),
        (400, 408, 413, 431),
        within=4,
    ),
    Attack(
        "trailers",
        lambda key: chunked(key, chain([chunk(GOOD), b"0\r\n"], endless(b"x: y\r\n" * 1000))),
        (400, 408, 413, 431),
        within=4,
    ),
    Attack(
        "one trailer",
        lambda key: chunked(key, chain([chunk(GOOD), b"0\r\nx: "], endless(b"y" * 65536))),
        (400, 408, 413, 431),
        within=4,
    ),
    Attack("empty lines", lambda _: endless(b"\r\n" * 10_000), (400, 408, 431), within=4),
]
"""For these the attacker does not stop when he is answered."""

ALL = [*BODIES, *CONTENT_TYPES, *HEADS, *KEYS, *METHODS, *PATHS, *SMUGGLING]
