"""Who may come in: by API key, by token, or everyone where the gateway file says so."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import jwt

from gateways.rest.config import RestConfig
from gateways.rest.keys import ApiKeys
from gateways.rest.problems import ProblemError
from gateways.rest.senders import Sender
from gateways.rest.tokens import Tokens

KEY_HEADER: Final = "x-api-key"
_EVERYONE: Final = Sender("everyone")


class Auth:
    """Makes senders of headers, by what the gateway file says; `folder` is where it stands.

    Raises GatewayConfigError where secrets or keys are not to be had.
    """

    def __init__(self, config: RestConfig, folder: Path) -> None:
        self._is_open = config.auth == "none"
        keys, tokens = ((), None) if config.auth == "none" else (config.auth.keys, config.auth.jwt)
        self._keys = ApiKeys(keys) if keys else None
        self._tokens = Tokens(tokens, folder) if tokens else None

    def sender(self, headers: Mapping[str, str]) -> Sender:
        """Who sends; raises ProblemError 401. Says nothing of what was presented, which may be a mistyped secret."""
        if self._is_open:
            return _EVERYONE
        key, authorization = headers.get(KEY_HEADER), headers.get("authorization")
        if self._keys is not None and key is not None:
            sender = self._keys.find(key)
            if sender is None:
                raise self._unauthorized("bad_key", f"the key in {KEY_HEADER} is none of ours")
            return sender
        if self._tokens is not None and authorization is not None:
            return self._bearer(self._tokens, authorization)
        raise self._unauthorized("no_credentials", f"send {' or '.join(self._ways())}")

    def _bearer(self, tokens: Tokens, authorization: str) -> Sender:
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer":
            raise self._unauthorized("bad_token", "the header Authorization is no Bearer token")
        try:
            return tokens.sender(token.strip())
        except jwt.PyJWTError as error:
            raise self._unauthorized("bad_token", f"the token is not taken: {error}", "invalid_token") from error

    def _unauthorized(self, reason: str, detail: str, error: str = "") -> ProblemError:
        challenges = [f'ApiKey realm="sluice", header="{KEY_HEADER}"'] if self._keys is not None else []
        if self._tokens is not None:
            challenges.append('Bearer realm="sluice"' + (f', error="{error}"' if error else ""))
        return ProblemError(401, reason, detail, headers={"WWW-Authenticate": ", ".join(challenges)})

    def _ways(self) -> list[str]:
        ways = ["an API key in the header X-API-Key"] if self._keys is not None else []
        return ways + (["a token in the header Authorization"] if self._tokens is not None else [])
