"""Signed tokens: a JWT that the issuer made for this gateway → a sender, its devices and products by claims."""

from pathlib import Path
from typing import Any, Final

import jwt
import msgspec
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from jwt.types import Options

from gateways.errors import GatewayConfigError
from gateways.rates import Rates
from gateways.rest.config import JwtConfig
from gateways.rest.senders import ALL, Sender

_OPTIONS: Final[Options] = {"require": ["exp", "iss", "aud", "sub"]}
_LEEWAY_SECONDS: Final = 30


class TokenError(jwt.InvalidTokenError):
    """A token that is signed as it should be, and says what cannot be used."""


class Tokens:
    """Checks tokens by the issuer's public keys; raises GatewayConfigError where these cannot be read."""

    def __init__(self, config: JwtConfig, folder: Path) -> None:
        self._config, self._rates = config, Rates(config.rate)
        self._keys = _read_keys(folder / config.keys)

    def sender(self, token: str) -> Sender:
        """Whose token that is; raises jwt.PyJWTError."""
        config = self._config
        claims = jwt.decode(
            token,
            self._key(token),
            algorithms=list(config.algorithms),
            issuer=config.issuer,
            audience=config.audience,
            leeway=_LEEWAY_SECONDS,
            options=_OPTIONS,
        )
        devices = _patterns(claims, config.devices_claim)
        products = _patterns(claims, config.products_claim) if config.products_claim in claims else ALL
        return Sender(str(claims["sub"]), products, devices, self._rates, 1 / config.rate)

    def _key(self, token: str) -> Any:
        """The key that the token names, else the only one."""
        wanted = jwt.get_unverified_header(token).get("kid")
        if wanted is not None and wanted in self._keys:
            return self._keys[wanted]
        if len(self._keys) == 1 and (wanted is None or None in self._keys):
            return next(iter(self._keys.values()))
        raise TokenError("it names no key of the issuer's")


def _patterns(claims: dict[str, Any], claim: str) -> tuple[str, ...]:
    found = claims.get(claim, ())
    patterns = (found,) if isinstance(found, str) else found
    try:
        return msgspec.convert(patterns, tuple[str, ...])
    except msgspec.ValidationError as error:
        raise TokenError(f"its claim `{claim}` is neither a text nor a list of texts") from error


def _read_keys(file: Path) -> dict[str | None, Any]:
    """The keys by id; that of a PEM has none."""
    try:
        data = file.read_bytes()
        if data.startswith(b"-----BEGIN"):
            return {None: load_pem_public_key(data)}
        return {key.key_id: key for key in jwt.PyJWKSet.from_json(data.decode()).keys}
    except OSError as error:
        raise GatewayConfigError(str(file), "rest.auth.jwt.keys", f"cannot be read: {error.strerror}") from error
    except (ValueError, UnsupportedAlgorithm, jwt.PyJWTError) as error:
        message = f"expected a public key in PEM, or a JWKS: {error}"
        raise GatewayConfigError(str(file), "rest.auth.jwt.keys", message) from error
