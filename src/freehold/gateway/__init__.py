"""The data plane's HTTP face: pure ASGI, thin handlers."""
