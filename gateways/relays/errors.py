"""What keeps a relay from capturing: which relay, what is wrong, and the mend."""

from udfs.errors import SluiceError


class RelayError(SluiceError):
    """A relay that cannot go on by itself."""

    def __init__(self, relay: str, message: str) -> None:
        self.relay, self.message = relay, message
        super().__init__(f"{relay}: {message}")
