"""Logs of a gateway: one JSON object a line on standard error; whoever serves binds device, connection and protocol."""

import logging
import sys

import structlog


def configure_logs(level: int = logging.INFO) -> None:
    """Once, at the start of the process."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
    )
