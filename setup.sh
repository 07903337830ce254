#!/bin/sh
# Makes the machine ready: system packages, .venv with exactly requirements/lock.txt, this project installed into it.
# A second run finds the stamp of the same lock and project file and does nothing. `./setup.sh test` also brings the
# system packages that only tests need.
set -eu
cd "$(dirname "$0")"

UV_VERSION=0.13.9
STAMP=.venv/.installed
LOG=build/setup.log
PURPOSE=${1:-}

say() { printf '\033[1msetup\033[0m  %s\n' "$*"; }
fail() { printf 'setup: %s\n' "$*" >&2; exit 1; }

java_fits() { # Flink 1.20 runs on Java 11 and 17; the build needs the compiler of the same.
    command -v javac >/dev/null 2>&1 || return 1
    case "$(javac -version 2>&1)" in "javac 11"*|"javac 17"*) return 0 ;; *) return 1 ;; esac
}

mariadb_fits() { # The source of a relay under test. Debian keeps servers where a user's PATH does not look.
    PATH=$PATH:/usr/sbin command -v mariadbd >/dev/null && command -v mariadb-install-db >/dev/null
}

missing_packages() {
    python3.11 -c 'import venv, ensurepip' >/dev/null 2>&1 || echo python3.11 python3.11-venv
    java_fits || echo openjdk-17-jdk-headless
    command -v mvn >/dev/null 2>&1 || echo maven
    command -v ps >/dev/null 2>&1 || echo procps
    command -v mosquitto >/dev/null 2>&1 || [ -x /usr/sbin/mosquitto ] || echo mosquitto
    [ -e /etc/ssl/certs/ca-certificates.crt ] || [ ! -e /etc/debian_version ] || echo ca-certificates
    [ "$PURPOSE" != test ] || mariadb_fits || echo mariadb-server-core mariadb-client-core
}

# Debian starts a package's service once it is there and at every boot: mosquitto is for the stack, which starts its own.
apt_install() {
    policy=/usr/sbin/policy-rc.d
    if [ ! -e $policy ]; then
        trap 'rm -f $policy' EXIT
        trap 'exit 1' INT TERM
        printf '#!/bin/sh\nexit 101\n' >$policy
        chmod +x $policy
    fi
    apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$@" &&
        case " $* " in *" mosquitto "*) [ ! -d /run/systemd/system ] || systemctl --quiet disable mosquitto ;; esac
}

install_packages() {
    packages=$(missing_packages | xargs)
    [ -n "$packages" ] || return 0
    if [ -e /etc/debian_version ] && [ "$(id -u)" = 0 ]; then
        say "apt-get install $packages"
        (apt_install $packages) >"$LOG" 2>&1 || { tail -n 30 "$LOG" >&2; fail "apt-get failed, see above and $LOG"; }
    elif [ -e /etc/debian_version ]; then
        fail "these packages are missing, run:  sudo apt-get update && sudo apt-get install -y $packages"
    else
        fail "install these (Debian's names) by this system's package manager, then run it again:  $packages"
    fi
    left=$(missing_packages | xargs)
    [ -z "$left" ] || fail "still not found after the install: $left. Does PATH or JAVA_HOME lead to another version?"
}

install_python_parts() {
    say "Python parts of requirements/lock.txt into .venv (about a minute the first time)"
    [ -x .venv/bin/python ] || python3.11 -m venv .venv
    {   # A copied or moved .venv names the old place in its scripts: python -m works in both.
        .venv/bin/python -m pip install --quiet --disable-pip-version-check "uv==$UV_VERSION"
        .venv/bin/python -m uv pip sync --python .venv/bin/python requirements/lock.txt
        .venv/bin/python -m uv pip install --python .venv/bin/python --no-deps -e .
    } >"$LOG" 2>&1 || { tail -n 40 "$LOG" >&2; fail "the Python parts could not be installed, see above and $LOG"; }
}

mkdir -p build
install_packages
key=$(cat requirements/lock.txt pyproject.toml setup.sh | sha256sum | cut -d' ' -f1)
if [ "$(cat $STAMP 2>/dev/null || true)" != "$key" ]; then
    install_python_parts
    echo "$key" >$STAMP
    say "done"
fi
touch $STAMP
