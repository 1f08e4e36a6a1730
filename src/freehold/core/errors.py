"""The error tree. Every error carries a message, a stable code, an HTTP status and, where there is one, a hint.

FreeholdError
├── SettingsError              the configuration is wrong; the user mends it
├── StoreError                 a database or file of ours could not be used
├── ClientError                the caller's mistake: 4xx
│   ├── BadRequest             400
│   │   ├── LossRefused        400  something would be lost, and the client said `strict`
│   │   ├── ThreadUnsupported  400  whoever answers does not hold the conversation; it has to be sent whole
│   │   └── UnknownResponse    400  there is no such response to go on from
│   ├── Unauthorized           401
│   ├── LimitReached           a limit of ours; raised as one of
│   │   ├── BudgetExhausted    402  it is used up
│   │   └── RateLimited        429  it may be tried again
│   ├── Forbidden              403
│   ├── NotFound               404
│   │   └── UnknownModel       404
│   ├── MethodNotAllowed       405
│   ├── RequestTimeout         408
│   ├── BodyTooLarge           413
│   ├── UnsupportedMediaType   415
│   ├── HeadersTooLarge        431
│   └── ClientGone             499  nobody is there to be told
├── Overloaded                 503  we cannot take the call now
├── DeadlinePassed             504  the route's time was over before an answer was complete
├── Stopping                   503  we were told to stop and cannot finish the call
└── ProviderError              the provider did not answer as it should
    ├── ProviderUnreachable    502  no connection, or it broke before an answer
    ├── ProviderBroken         502  what came is not an answer
    ├── NotInForm              502  what came is not in the form that was asked for, and was asked for twice
    ├── ProviderTimeout        504  a time limit passed
    └── ProviderRefused        its own status: the provider said no, in its own words
"""

from __future__ import annotations

from typing import ClassVar


class FreeholdError(Exception):
    """Something went wrong, and this says what, how bad, and what to do next.

    `message` is for people and names what it is about in backticks; `code` is for programs and
    never changes; `hint` is the next step. Neither ever holds a secret.
    """

    status: ClassVar[int] = 500
    code: ClassVar[str] = "internal_error"

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} {self.hint}" if self.hint else self.message


class SettingsError(FreeholdError):
    """The configuration is wrong; `where` names the file and key."""

    code = "settings_error"

    def __init__(self, message: str, *, hint: str | None = None, where: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.where = where


class StoreError(FreeholdError):
    """A database or file of ours could not be used."""

    code = "store_error"


class ClientError(FreeholdError):
    """The caller's mistake. `param` names the field, where there is one."""

    status = 400
    code = "invalid_request"

    def __init__(self, message: str, *, hint: str | None = None, param: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.param = param


class BadRequest(ClientError):
    """The request cannot be understood."""


class LossRefused(BadRequest):
    """The client would rather have an error than a loss. Nothing was sent to the provider."""

    code = "loss_refused"

    def __init__(self, losses: tuple[str, ...], provider: str) -> None:
        super().__init__(
            f"`{provider}` cannot be given all of this request; lost would be: {', '.join(losses)}.",
            hint="Leave it out, or call without `strict`.",
        )
        self.losses = losses


class ThreadUnsupported(BadRequest):
    """The conversation is not held where it is asked for, so that all of it has to be sent."""

    code = "thread_unsupported_request"


class UnknownResponse(BadRequest):
    """The response to go on from does not exist, or was not kept."""

    code = "previous_response_not_found"


class Unauthorized(ClientError):
    """No key, or a key that is unknown, revoked or expired. Which of them is not told."""

    status = 401
    code = "invalid_api_key"


class LimitReached(ClientError):
    """A limit stands in the way. Nothing was asked of a provider."""

    def __init__(
        self,
        message: str,
        *,
        limit: str,
        measure: str,
        bound: str,
        used: str,
        until: str | None,
        retry_after: float | None,
        hint: str | None = None,
    ) -> None:
        """`bound` and `used` in the measure's unit, as text. `until`: when it counts anew, in ISO 8601; None: what is
        wanted is more than all of it. `retry_after`: seconds until it may be tried again; None: never.
        """
        super().__init__(message, hint=hint)
        self.limit = limit
        self.measure = measure
        self.bound = bound
        self.used = used
        self.until = until
        self.retry_after = retry_after


class BudgetExhausted(LimitReached):
    """A budget is used up until its time is over."""

    status = 402
    code = "budget_exhausted"


class RateLimited(LimitReached):
    """Too much at this moment; it may be tried again soon."""

    status = 429
    code = "rate_limit_exceeded"


class Forbidden(ClientError):
    """The key is good, but not for this."""

    status = 403
    code = "forbidden"


class NotFound(ClientError):
    """There is no such thing here."""

    status = 404
    code = "not_found"


class UnknownModel(NotFound):
    """Neither a route nor a model has this name."""

    code = "model_not_found"


class MethodNotAllowed(ClientError):
    """The path exists, the method does not."""

    status = 405
    code = "method_not_allowed"


class RequestTimeout(ClientError):
    """The request did not arrive in time."""

    status = 408
    code = "request_timeout"


class BodyTooLarge(ClientError):
    """The request body is over the limit."""

    status = 413
    code = "body_too_large"


class UnsupportedMediaType(ClientError):
    """The request body is not JSON."""

    status = 415
    code = "unsupported_media_type"


class HeadersTooLarge(ClientError):
    """Too many header lines, or too many bytes in them."""

    status = 431
    code = "headers_too_large"


class ClientGone(ClientError):
    """The client hung up before the answer was complete."""

    status = 499
    code = "client_gone"


class Overloaded(FreeholdError):
    """We cannot take the call now; it may be tried again."""

    status = 503
    code = "overloaded"


class DeadlinePassed(FreeholdError):
    """The time that the route gives a call was over before there was an answer."""

    status = 504
    code = "deadline_passed"

    def __init__(self, route: str, seconds: float) -> None:
        super().__init__(
            f"No model of `{route}` answered within {seconds:g} s.",
            hint="Give the route a longer `deadline`, or faster fallbacks.",
        )


class Stopping(FreeholdError):
    """We were told to stop, and the time for calls in flight to finish is over."""

    status = 503
    code = "stopping"


class ProviderError(FreeholdError):
    """The provider did not answer as it should. `provider` is its name in the configuration."""

    status = 502
    code = "provider_error"

    def __init__(self, message: str, *, provider: str, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.provider = provider


class ProviderUnreachable(ProviderError):
    """No connection, or it broke before an answer began."""

    code = "provider_unreachable"


class ProviderBroken(ProviderError):
    """What came from the provider is not an answer: malformed, or cut in the middle."""

    code = "provider_broken"


class NotInForm(ProviderError):
    """The answer is not in the form that was asked for, nor was the one before it."""

    code = "answer_not_in_form"

    def __init__(self, problem: str, *, provider: str) -> None:
        super().__init__(
            f"`{provider}` answered twice, and neither answer was in the form that was asked for: {problem}.",
            provider=provider,
            hint="Ask a model that can be given a JSON Schema, or make the schema simpler.",
        )


class ProviderTimeout(ProviderError):
    """A time limit passed: `phase` is connect, first_token, silence, drip or total."""

    status = 504
    code = "provider_timeout"

    def __init__(self, message: str, *, provider: str, phase: str, hint: str | None = None) -> None:
        super().__init__(message, provider=provider, hint=hint)
        self.phase = phase


class ProviderRefused(ProviderError):
    """The provider said no. Its status and body are kept as they came."""

    code = "provider_refused"

    def __init__(
        self,
        message: str,
        *,
        provider: str,
        status: int,
        body: bytes,
        dialect: str | None = None,
        retry_after: str | None = None,
    ) -> None:
        super().__init__(message, provider=provider)
        self.provider_status = status
        self.body = body
        self.dialect = dialect
        self.retry_after = retry_after
