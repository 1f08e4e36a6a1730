"""What is told about persons by its form: Presidio's recognisers of patterns, without a model of any language.

They find what has a form: addresses of machines, numbers of phones, cards, accounts and persons, most of them with a
check digit. Names and postal addresses have none, and are not found. Addresses of mail are found by `secrets`, as
Presidio's own recogniser asks the internet for the list of domains.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from typing import Any

from freehold.compare.suites.secrets import Span
from freehold.core.errors import BadRequest
from freehold.core.extras import how_to_install

SURE = 0.4
"""Score of Presidio from which something is masked: what has a form of its own, or a check digit that is right."""
_KINDS = {
    "CREDIT_CARD": "CARD",
    "IBAN_CODE": "IBAN",
    "IP_ADDRESS": "IP",
    "MAC_ADDRESS": "MAC",
    "CRYPTO": "WALLET",
}
"""Every other entity is a number of a person: `ID`."""
_OF_ANYBODY = ("CreditCard", "Iban", "Ip", "MacAddress", "Crypto")
_OF_PERSONS = (
    "UsSsn", "UsItin", "UkNino", "Nhs", "EsNif", "EsNie", "ItFiscalCode", "PlPesel", "SgFin", "InAadhaar", "InPan",
    "FiPersonalIdentityCode", "SePersonnummer", "KrRrn", "KrFrn", "KrDriverLicense", "CaSin", "DeTaxId",
    "DeSocialSecurity", "AuTfn", "ThTnin", "TrNationalId", "ZaIdNumber",
)  # fmt: skip
_PHONES_OF = ("US", "GB", "DE", "FR", "ES", "IT", "KR", "JP", "CN", "IN", "BR", "AU")
"""Numbers without a country's code are looked for as they are written there; with one, everywhere."""
_RUN = re.compile(r"[+(]*\d[\d\s().+/-]*\d")
_WINDOW, _OVERLAP = 4_000, 200
"""Characters that are looked at at once, and those of them that are looked at again: no form is as long."""
_FEWEST_DIGITS = 7
"""Of a phone number."""


class Persons:
    """Presidio's recognisers, loaded: that takes some seconds."""

    def __init__(self) -> None:
        """Raises BadRequest: Presidio is not installed."""
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of what it loads and we do not use
                from presidio_analyzer import predefined_recognizers as known  # noqa: PLC0415 - takes seconds
        except ImportError:
            raise BadRequest(
                "Masking personal data needs Presidio, which is not installed.",
                hint=how_to_install("compare"),
            ) from None
        names = [*_OF_ANYBODY, *_OF_PERSONS]
        found = [getattr(known, f"{name}Recognizer", None) for name in names]
        self._recognisers: list[Any] = [one() for one in found if one is not None]
        self._phones: Any = known.PhoneRecognizer(supported_regions=_PHONES_OF)

    def find(self, text: str) -> Iterator[Span]:
        """What is told about persons in a text of ASCII; pieces may overlap."""
        # Some of their patterns take time that grows with the square of the text.
        for begin in range(0, max(1, len(text) - _OVERLAP), _WINDOW - _OVERLAP):
            for one in self._recognisers:
                for found in one.analyze(text[begin : begin + _WINDOW], one.supported_entities, None):
                    if found.score >= SURE:
                        kind = _KINDS.get(found.entity_type, "ID")
                        yield Span(begin + found.start, begin + found.end, kind)
        # Looking for the forms of a dozen countries takes long, so it is done where there are digits enough.
        for run in _RUN.finditer(text):
            if sum(map(str.isdigit, run[0])) >= _FEWEST_DIGITS:
                begin = max(0, run.start() - 1)
                for found in self._phones.analyze(text[begin : run.end() + 1], ["PHONE_NUMBER"], None):
                    yield Span(begin + found.start, begin + found.end, "PHONE")
