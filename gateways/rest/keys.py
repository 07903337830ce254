"""API keys: `NAME.SECRET`, of which the gateway keeps a salted hash.

A secret is 256 random bits, so a fast hash does: there is nothing to guess. The name in front finds the one hash to
compare with, however many keys there are.
"""

import hashlib
import hmac
import os
import secrets
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

import msgspec

from gateways.errors import GatewayConfigError
from gateways.rates import Rates
from gateways.rest.config import KeyConfig
from gateways.rest.senders import Sender

MIN_SECRET: Final = 24
"""Characters of a secret that an environment variable holds: fewer could be guessed."""

_SALT_BYTES: Final = 16
_SECRET_BYTES: Final = 32


class NewKey(NamedTuple):
    """A key as its sender gets it, once, and as the gateway file has it: `secret` of a KeyConfig."""

    key: str
    secret: str


def new_key(name: str) -> NewKey:
    """Draws a key at random; raises GatewayConfigError where no key may be called so."""
    secret, salt = secrets.token_urlsafe(_SECRET_BYTES), os.urandom(_SALT_BYTES)
    drawn = NewKey(f"{name}.{secret}", f"sha256:{salt.hex()}:{_hash(salt, secret).hex()}")
    try:
        msgspec.convert({"name": name, "secret": drawn.secret}, KeyConfig)
    except msgspec.ValidationError as error:
        message = f"`{name}`: expected a-z, 0-9, - and _, a letter or digit first, 63 characters at most"
        raise GatewayConfigError("sluice gateway key", "NAME", message) from error
    return drawn


class ApiKeys:
    """The keys of a gateway file; raises GatewayConfigError where one is missing in the environment, or weak."""

    def __init__(self, keys: Sequence[KeyConfig], environment: Mapping[str, str] = os.environ) -> None:
        self._known: dict[str, tuple[bytes, bytes, Sender]] = {}
        for place, key in enumerate(keys):
            if key.name in self._known:
                raise _fault(place, f"there are two keys `{key.name}`: give one another name")
            sender = Sender(key.name, key.products, key.devices, Rates(key.rate), 1 / key.rate)
            self._known[key.name] = (*_salt_and_hash(place, key, environment), sender)
        self._nobody = (os.urandom(_SALT_BYTES), os.urandom(_SECRET_BYTES), Sender("nobody"))

    def find(self, presented: str) -> Sender | None:
        """Whose key that is; None where it is nobody's. Takes as long for either."""
        name, _, secret = presented.partition(".")
        salt, expected, sender = self._known.get(name, self._nobody)
        return sender if hmac.compare_digest(_hash(salt, secret), expected) else None


def _salt_and_hash(place: int, key: KeyConfig, environment: Mapping[str, str]) -> tuple[bytes, bytes]:
    kind, _, rest = key.secret.partition(":")
    if kind == "sha256":
        known_salt, _, digest = rest.partition(":")
        return bytes.fromhex(known_salt), bytes.fromhex(digest)
    secret = environment.get(rest)
    if secret is None:
        raise _fault(place, f"the environment has no {rest}: set it to the secret of `{key.name}`")
    if len(secret) < MIN_SECRET:
        raise _fault(
            place, f"{rest} has {len(secret)} characters, at least {MIN_SECRET}: `sluice gateway key` draws one"
        )
    salt = os.urandom(_SALT_BYTES)
    return salt, _hash(salt, secret)


def _hash(salt: bytes, secret: str) -> bytes:
    return hashlib.sha256(salt + secret.encode("utf-8", "surrogatepass")).digest()


def _fault(place: int, message: str) -> GatewayConfigError:
    return GatewayConfigError("gateway", f"rest.auth.keys[{place}]", message)
