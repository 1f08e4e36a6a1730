"""A running endpoint with the admin API, and a key of each role."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import httpx
from running_endpoint import LIMIT, RunningEndpoint

from freehold.access.admin_keys import AdminKeys
from freehold.access.keys import Keys
from freehold.access.roles import ROLES, Role

ROOT = "/admin/v1"


class Administered:
    """`get` and `post` with the key of a role; the owner's unless another is named."""

    def __init__(self, endpoint: RunningEndpoint, tokens: Mapping[Role, str]) -> None:
        self.endpoint = endpoint
        self.tokens = tokens
        self.url = f"{endpoint.started['admin']}{ROOT}"
        self._client = httpx.Client(timeout=LIMIT)

    def ask(self, method: str, path: str, role: Role | None = "owner", **more: Any) -> httpx.Response:
        """Any request; `role` None: without a key."""
        headers = {**({} if role is None else self.headers(role)), **more.pop("headers", {})}
        return self._client.request(method, self.url + path, headers=headers, **more)

    def get(self, path: str, role: Role = "owner", /, **query: Any) -> Any:
        """What a good answer holds."""
        answer = self.ask("GET", path, role, params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def post(self, path: str, role: Role = "owner", /, **body: Any) -> Any:
        """What a good answer holds."""
        answer = self.ask("POST", path, role, json=body) if body else self.ask("POST", path, role)
        assert answer.status_code in (200, 201, 202), answer.text
        return answer.json()

    def headers(self, role: Role) -> dict[str, str]:
        """With the key of a role."""
        return {"authorization": f"Bearer {self.tokens[role]}"}

    def close(self) -> None:
        """Close the connections."""
        self._client.close()


@contextmanager
def administered(folder: Path, toml: str, *, admin: str = "") -> Iterator[Administered]:
    """Start the endpoint in `folder`; `admin`: more settings of `[admin]`."""
    access, secret = folder / ".freehold" / "access.db", folder / ".freehold" / "secret"
    with closing(Keys(access, secret)) as keys, closing(AdminKeys(access, keys.digest)) as admins:
        tokens = {role: admins.create(f"the {role}", role, by="test")[1] for role in ROLES}
    with RunningEndpoint(
        folder, f'{toml}\n[admin]\nlisten = "127.0.0.1:0"\n{admin}', "--new-key"
    ) as endpoint:
        one = Administered(endpoint, tokens)
        try:
            yield one
        finally:
            one.close()
