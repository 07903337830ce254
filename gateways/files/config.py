"""Which files a gateway loads, and what it makes of them."""

from pathlib import Path
from typing import Annotated, Literal, Self

import msgspec
from msgspec import Meta

from gateways.errors import GatewayConfigError
from gateways.files.errors import BadFile
from gateways.files.naming import NameTemplate
from udfs.catalog import Catalog
from udfs.model import CsvLayout, Strict

ATTACHMENT_PRODUCT = "attachment"

Folder = Annotated[str, Meta(pattern=r"^[^/\\.][^/\\]*$", description="a folder's name, within the source")]


class FilesConfig(Strict, kw_only=True, frozen=True):
    """Files of one kind in one place; `device`, `device_column` or `device_from` says which device they are of."""

    source: Annotated[str, Meta(min_length=1, description="a folder, a file, or s3://bucket/prefix")]
    pattern: Annotated[str, Meta(min_length=1, description="of paths within the source; `*` goes through folders")] = (
        "*"
    )
    product: Annotated[str | None, Meta(description="what the payloads are of; an attachment needs none")] = None
    device: Annotated[str | None, Meta(description="all files are of this device")] = None
    device_column: (
        Annotated[str, Meta(min_length=1, description="CSV: the column of devices; JSON: the path of the device")]
        | None
    ) = None
    device_from: Annotated[str, Meta(description="template of the path's end, such as {device}/{date}.csv")] | None = (
        None
    )
    rows: Annotated[int, Meta(ge=1, le=1000, description="rows of a CSV in a payload")] = 50
    attachment: Annotated[Literal["image", "log"] | None, Meta(description="kept whole in S3, told by an event")] = None
    every_s: Annotated[float, Meta(ge=0.1, le=86_400, description="how often to look for files")] = 30.0
    settle_s: Annotated[
        float, Meta(ge=0, description="changed less than so long ago it may still be written; 0: files appear whole")
    ] = 5.0
    notifications: (
        Annotated[
            str, Meta(pattern=r"^https?://\S+$", description="SQS queue of S3's notifications, in place of looking")
        ]
        | None
    ) = None
    done: Annotated[Folder | None, Meta(description="where loaded files are moved; else they stay")] = None
    quarantine: Annotated[Folder | None, Meta(description="where bad files are moved; in S3 copied, by default")] = None

    @property
    def is_s3(self) -> bool:
        return self.source.startswith("s3://")

    @property
    def product_name(self) -> str:
        return ATTACHMENT_PRODUCT if self.attachment else self.product or ""

    @property
    def devices(self) -> str:
        """What tells the devices, in a word; empty where the path of each file does."""
        if self.device_column is not None:
            return f"column {self.device_column}"
        return "" if self.device_from is not None else f"device {self.device}" if self.device else "lines"

    def beside(self, folder: Path) -> Self:
        """With a source that is a path taken from `folder`."""
        return self if self.is_s3 else msgspec.structs.replace(self, source=str(folder / self.source))

    def device_of(self, location: str) -> str:
        """The device that the path of a file tells; empty where paths tell none, or this one is no such path."""
        if self.device_from is None:
            return ""
        try:
            return NameTemplate(self.device_from).device(location)
        except BadFile:
            return ""

    def check(self, file: str, catalog: Catalog) -> None:
        """Raises GatewayConfigError for what cannot be loaded."""
        told = [key for key in ("device", "device_column", "device_from") if getattr(self, key) is not None]
        if len(told) > 1:
            raise GatewayConfigError(file, "files", f"{' and '.join(told)} both say the device: leave one")
        if self.device_from is not None:
            try:
                NameTemplate(self.device_from)
            except ValueError as error:
                raise GatewayConfigError(file, "files.device_from", str(error)) from error
        if self.is_s3 and self.done is not None:
            raise GatewayConfigError(
                file, "files.done", "objects of S3 stay where they are: the table says what is done"
            )
        if self.notifications is not None and not self.is_s3:
            raise GatewayConfigError(file, "files.notifications", "only S3 notifies: the source is a folder")
        self._check_product(file, catalog, told)

    def _check_product(self, file: str, catalog: Catalog, told: list[str]) -> None:
        spec = catalog.products.get(self.product_name)
        if spec is None:
            known = ", ".join(catalog.products)
            raise GatewayConfigError(file, "files.product", f"no product `{self.product_name}`; there are: {known}")
        if self.attachment is not None:
            if told not in (["device"], ["device_from"]):
                raise GatewayConfigError(file, "files", "an attachment's device is told by `device` or `device_from`")
            return
        if spec.format == "csv" and not isinstance(spec.document.layout, CsvLayout):
            message = f"the layout of `{spec.product}` is a switch: rows of a file have one layout"
            raise GatewayConfigError(file, "files.product", message)
        if not told and spec.format != "hex":
            raise GatewayConfigError(file, "files", "say the device: by `device`, `device_column` or `device_from`")
        if told == ["device_column"] and spec.format not in ("csv", "json"):
            message = f"`{spec.product}` is {spec.format}: only CSV and JSON have a column for the device"
            raise GatewayConfigError(file, "files.device_column", message)
