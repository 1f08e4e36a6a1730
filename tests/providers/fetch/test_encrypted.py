"""Encrypted servers: the address is ours, the certificate is still checked against the name."""

from __future__ import annotations

import shutil
import ssl
import subprocess
from pathlib import Path

import pytest
from byte_server import ByteServer, whole
from fetching import PNG, PUBLIC, Detour, Names, quick
from loops import Run, on_both_loops

from freehold.core.errors import BadRequest
from freehold.providers.fetch.fetcher import Fetcher

pytestmark = [
    pytest.mark.skipif(shutil.which("openssl") is None, reason="makes its certificates with openssl"),
    on_both_loops,
]


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for `files.example`, its key beside it."""
    folder = tmp_path_factory.mktemp("certificates")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
         "-keyout", str(folder / "files.key"), "-out", str(folder / "files.pem"), "-subj", "/CN=files.example",
         "-addext", "subjectAltName=DNS:files.example"],
        check=True, capture_output=True,
    )  # fmt: skip
    return folder / "files.pem"


def test_the_certificate_is_checked_against_the_name(run: Run, certificate: Path) -> None:
    async def main() -> None:
        named: list[str | None] = []
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, certificate.with_suffix(".key"))
        context.sni_callback = lambda connection, name, context: named.append(name)
        trust = ssl.create_default_context(cafile=str(certificate))
        async with ByteServer([whole(PNG)], tls=context) as server:
            names = Names(files_example=[[PUBLIC]], other_example=[[PUBLIC]])
            fetcher = Fetcher(quick(), resolve=names, connect=Detour(server.port), tls=trust)
            assert (await fetcher.fetch("https://files.example/a", kinds=("image",))).data == PNG
            assert named == ["files.example"]
            for url in ("https://other.example/a", f"https://{PUBLIC}/a"):
                with pytest.raises(BadRequest, match="cannot be fetched"):
                    await fetcher.fetch(url, kinds=("image",))
            stranger = Fetcher(quick(), resolve=names, connect=Detour(server.port))
            with pytest.raises(BadRequest, match="cannot be fetched"):
                await stranger.fetch("https://files.example/a", kinds=("image",))
            stranger.close()
            assert len(server.requests) == 1

    run(main())


def test_a_server_that_does_not_encrypt_is_told_nothing(run: Run) -> None:
    async def main() -> None:
        async with ByteServer([whole(PNG)]) as server:
            fetcher = Fetcher(
                quick(connect=0.3), resolve=Names(files_example=[[PUBLIC]]), connect=Detour(server.port)
            )
            with pytest.raises(BadRequest, match="cannot be fetched"):
                await fetcher.fetch("https://files.example/secret", kinds=("image",))
            assert server.requests == []

    run(main())
