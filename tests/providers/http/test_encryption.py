"""TLS: who is not trusted is not talked to."""

from __future__ import annotations

import asyncio
import shutil
import ssl
import subprocess
from pathlib import Path

import pytest
from byte_server import LAST_CHUNK, STREAM_HEAD, ByteServer, Do, chunk, whole
from clients import client_of, read_once, settings_for
from loops import Run, on_both_loops

from freehold.core.errors import ProviderBroken, ProviderUnreachable
from freehold.core.secret import Secret
from freehold.providers.client import ProviderClient

pytestmark = [
    pytest.mark.skipif(shutil.which("openssl") is None, reason="makes its certificates with openssl"),
    on_both_loops,
]


class Authority:
    """A certificate authority that nobody but the test knows."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.certificate = folder / "authority.pem"
        self._make("authority", "-subj", "/CN=authority", "-addext", "basicConstraints=critical,CA:true")

    def server(self, address: str) -> ssl.SSLContext:
        """What a server at `address` needs."""
        extension = f"subjectAltName=IP:{address}"
        self._make(
            address, "-subj", f"/CN={address}", "-addext", extension,
            "-CA", str(self.certificate), "-CAkey", str(self._folder / "authority.key"),
        )  # fmt: skip
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self._folder / f"{address}.pem", self._folder / f"{address}.key")
        return context

    def _make(self, name: str, *options: str) -> None:
        key, certificate = self._folder / f"{name}.key", self._folder / f"{name}.pem"
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
             "-days", "2", "-keyout", str(key), "-out", str(certificate), *options],
            check=True, capture_output=True,
        )  # fmt: skip


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("certificates"))


def test_a_trusted_server_is_talked_to(run: Run, authority: Authority) -> None:
    async def main() -> None:
        trust = ssl.create_default_context(cafile=str(authority.certificate))
        async with (
            ByteServer([whole(b"{}")], tls=authority.server("127.0.0.1")) as server,
            client_of(server, tls=trust) as client,
        ):
            for _ in range(2):
                assert await read_once(client) == (200, b"{}")
            assert len(server.connections) == 1

    run(main())


def test_an_unknown_authority_is_not_trusted(run: Run, authority: Authority) -> None:
    async def main() -> None:
        async with (
            ByteServer([whole(b"{}")], tls=authority.server("127.0.0.1")) as server,
            client_of(server, tls=ssl.create_default_context()) as client,
        ):
            with pytest.raises(ProviderUnreachable, match="certificate"):
                await read_once(client)
            assert server.requests == []

    run(main())


def test_a_certificate_for_another_address_is_not_trusted(run: Run, authority: Authority) -> None:
    async def main() -> None:
        trust = ssl.create_default_context(cafile=str(authority.certificate))
        async with (
            ByteServer([whole(b"{}")], tls=authority.server("127.0.0.2")) as server,
            client_of(server, tls=trust) as client,
        ):
            with pytest.raises(ProviderUnreachable, match=r"127\.0\.0\.1"):
                await read_once(client)
            assert server.requests == []

    run(main())


def test_a_server_that_does_not_encrypt_is_not_talked_to(run: Run) -> None:
    async def main() -> None:
        said = bytearray()

        async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            said.extend(await reader.read(1000))
            writer.write(b"HTTP/1.1 400 The plain HTTP request was sent to an HTTPS port\r\n\r\n")
            writer.close()
            await writer.wait_closed()

        async with await asyncio.start_server(refuse, "127.0.0.1", 0) as server:
            url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"
            settings = settings_for(url, api_key=Secret("sk-1", "env:KEY"))
            client = ProviderClient(settings, tls=ssl.create_default_context())
            with pytest.raises(ProviderUnreachable):
                await read_once(client)
            assert b"sk-1" not in said
            client.close()

    run(main())


def test_an_encrypted_answer_that_is_cut_is_not_whole(run: Run, authority: Authority) -> None:
    async def main() -> None:
        trust = ssl.create_default_context(cafile=str(authority.certificate))
        async with (
            ByteServer(
                [STREAM_HEAD, chunk(b"a"), 0.02, Do.RESET],
                [STREAM_HEAD, chunk(b"a"), 0.02, Do.END],
                [STREAM_HEAD, chunk(b"a"), LAST_CHUNK],
                tls=authority.server("127.0.0.1"),
            ) as server,
            client_of(server, tls=trust) as client,
        ):
            for _ in range(2):
                with pytest.raises(ProviderBroken):
                    await read_once(client)
            assert await read_once(client) == (200, b"a")

    run(main())
