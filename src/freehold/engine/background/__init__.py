"""Responses that run on when their client has gone: the Responses API's `background`."""
