"""Entry point of the job, for `flink run -py` and for Managed Flink; it stands at the root of the zip."""

import logging
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent
# In the zip our packages and the libraries they need lie in python/, which `pyFiles` puts on the workers' path.
sys.path[:0] = [str(ROOT), str(ROOT / "python")]

from pyflink.datastream import StreamExecutionEnvironment  # noqa: E402

from jobs.config import load_config, properties_file  # noqa: E402
from jobs.platform import build_job, read_project  # noqa: E402
from udfs.errors import SluiceError  # noqa: E402


def main() -> None:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s - %(message)s")
    try:
        config = load_config(properties_file())
        project = read_project(ROOT)
        env = StreamExecutionEnvironment.get_execution_environment()
        build_job(env, config, project)
    except SluiceError as error:
        raise SystemExit(f"sluice refuses to start.\n{error}") from error
    env.execute("sluice")


if __name__ == "__main__":
    main()
