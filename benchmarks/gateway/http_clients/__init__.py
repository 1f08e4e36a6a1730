"""Which HTTP client should call the providers? The same small proxy with each of them.

`python -m benchmarks.gateway.http_clients`
"""
