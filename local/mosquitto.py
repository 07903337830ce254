"""The MQTT broker by Debian's mosquitto; on AWS devices speak to IoT Core, or to a broker of the fleet's operator."""

import os
import shutil
import signal
import subprocess
from collections.abc import Iterable
from pathlib import Path

from paho.mqtt.client import Client, MQTTv5
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode

from local.errors import NotReady, StackError
from local.process import LOOPBACK, Launch, Server, launch

NAME = "mosquitto"
_PATH = os.pathsep.join((os.environ.get("PATH", os.defpath), "/usr/sbin"))  # not on every user's path


def start(port: int, data: Path, log: Path, outlive: bool) -> tuple[Server, subprocess.Popen[bytes], dict[str, str]]:
    """Launch it on loopback, sessions under `data`; returns the server, our child and what clients must set."""
    server, child = launch_broker(port, data, log, [f"listener {port} {LOOPBACK}", "allow_anonymous true"], outlive)
    return server, child, {"SLUICE_MQTT_URL": f"mqtt://{LOOPBACK}:{port}"}


def launch_broker(
    port: int, data: Path, log: Path, listener: Iterable[str], outlive: bool = False
) -> tuple[Server, subprocess.Popen[bytes]]:
    """A broker whose listener on `port` has these settings; sessions that lie in `data` go on."""
    program = shutil.which("mosquitto", path=_PATH)
    if program is None:
        raise StackError(NAME, None, "mosquitto is not installed: run `make setup`, or apt-get install mosquitto")
    data.mkdir(exist_ok=True)
    settings = [
        "per_listener_settings false",
        "max_queued_messages 0",  # 0: without limit; the defaults drop what a gateway that is away cannot take
        "max_inflight_messages 0",
        "persistence true",
        f"persistence_location {data}/",
        "log_dest stderr",
        *(["user root"] if os.geteuid() == 0 else []),  # else it changes to an account that cannot write here
        *listener,
    ]
    config = data / "mosquitto.conf"
    config.write_text("\n".join(settings) + "\n")
    plan = Launch(
        command=[program, "-c", str(config)],
        environment={},
        port=port,
        log=log,
        death_signal=None if outlive else signal.SIGKILL,
    )
    return launch(plan)


def answer(environment: dict[str, str]) -> None:
    """Raises NotReady while it takes no connection."""
    host, _, port = environment["SLUICE_MQTT_URL"].removeprefix("mqtt://").partition(":")
    client = Client(CallbackAPIVersion.VERSION2, protocol=MQTTv5)
    answers: list[str] = []
    client.on_connect = lambda _client, _userdata, _flags, code, _properties: answers.append(str(code))
    try:
        client.connect(host, int(port))
        while not answers and client.loop(timeout=1.0) == MQTTErrorCode.MQTT_ERR_SUCCESS:
            continue
        client.disconnect()
    except OSError as error:
        raise NotReady(str(error)) from error
    if answers != ["Success"]:
        raise NotReady(f"CONNECT was answered by {answers or 'nothing'}")


def provision(environment: dict[str, str]) -> None:
    """Nothing: topics come into being by a publish."""
