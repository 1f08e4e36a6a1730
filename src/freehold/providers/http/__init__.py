"""HTTP/1.1 to providers: a pool of kept-alive connections on asyncio and httptools.

Why not a library: see `docs/decisions.md`, "Our own HTTP client".
"""
