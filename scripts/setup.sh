#!/bin/sh
# Brings a clone to where it runs, one part a call; parts that are done already cost nothing. Called by make.
#
#   setup.sh system [PART...]       packages of the system: PostGIS, fonts, Python; for tests a browser, or QGIS and GDAL
#   setup.sh python service|dev     .venv from a lock, and the project in it (`packages`, then `project`)
#   setup.sh bench                  what `make bench` compares with, into .bench/venv
#   setup.sh assets                 what the pages load, from npm to gis_service/web/vendor
set -eu
cd "$(dirname "$0")/.."

home=${GIS_HOME:-.gis}
log=$home/setup.log
mkdir -p "$home"

step() { # step WHAT COMMAND...: one line for the reader, the rest to the log
  printf '· %s … ' "$1"
  shift
  begun=$(date +%s)
  printf '\n=== %s\n' "$*" >>"$log"
  if "$@" >>"$log" 2>&1 </dev/null; then
    printf '%s s\n' "$(($(date +%s) - begun))"
  else
    printf '失败 failed\n\n' >&2
    tail -n 12 "$log" >&2
    printf '\n完整日志 The whole log: %s\n' "$log" >&2
    exit 1
  fi
}

# --- system ----------------------------------------------------------------------------------------------------------

has() { command -v "$1" >/dev/null 2>&1; }

has_database() { # or needs none of its own
  [ -n "${GIS_DATABASE_URL:-}" ] && return
  for control in /usr/share/postgresql/*/extension /usr/share/pgsql/extension /usr/pgsql-*/share/extension \
    /opt/homebrew/share/postgresql*/extension /usr/local/share/postgresql*/extension \
    /Applications/Postgres.app/Contents/Versions/*/share/postgresql/extension; do
    [ -e "$control/postgis.control" ] && return
  done
  return 1
}

has_fonts() {
  [ "$(uname)" = Darwin ] && return
  if has fc-list; then [ -n "$(fc-list :lang=zh family)" ]; else [ -d /usr/share/fonts/opentype/noto ]; fi
}

has_browser() { has chromium || has chromium-browser || has google-chrome; }

has_qgis() { # for the Python of the system, which it belongs to; and GDAL's programs
  has ogr2ogr && /usr/bin/python3 -c 'import importlib.util, sys; sys.exit(not importlib.util.find_spec("qgis"))' 2>/dev/null
}

has_gdal() { has ogr2ogr; }

has_wrk() { has wrk; }

find_python() { # the locks hold wheels for these versions
  for python in ${PYTHON:-} python3 python3.14 python3.13 python3.12 python3.11; do
    if has "$python" && "$python" -c 'import ensurepip, sys, venv; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 14))' \
      2>/dev/null; then
      echo "$python"
      return
    fi
  done
  return 1
}

has_python() { find_python >/dev/null; }

packages() { # packages apt|dnf|brew PART...: their names
  manager=$1
  shift
  for part in "$@"; do
    case $manager-$part in
      apt-database) echo postgresql-postgis ;;
      apt-fonts) echo fonts-noto-cjk ;;
      apt-python) echo python3 python3-venv ;;
      apt-browser) if grep -q '^ID=ubuntu' /etc/os-release 2>/dev/null; then echo chromium-browser; else echo chromium; fi ;;
      apt-qgis) echo python3-qgis gdal-bin ;;
      apt-gdal) echo gdal-bin ;;
      *-gdal) echo gdal ;;
      *-wrk) echo wrk ;;
      dnf-database) echo postgresql-server postgis ;;
      dnf-fonts) echo google-noto-sans-cjk-vf-fonts ;;
      dnf-python) echo python3 ;;
      dnf-browser) echo chromium ;;
      dnf-qgis) echo qgis gdal ;;
      brew-database) echo postgis ;;
      brew-fonts) ;;
      brew-python) echo python@3.13 ;;
      brew-browser) echo --cask chromium ;;
      brew-qgis) echo --cask qgis ;;
    esac
  done | tr '\n' ' ' | sed 's/ $//'
}

apt_install() { # apt_install PACKAGE...: as root
  # Debian starts a database of its own with the package; ours needs none. One that is there already stays.
  quiet=/etc/postgresql-common/createcluster.d/gis-service.conf
  if [ ! -d /etc/postgresql-common ]; then
    $sudo mkdir -p "${quiet%/*}"
    echo 'create_main_cluster = false' | $sudo tee "$quiet"
  fi
  $sudo apt-get update &&
    $sudo env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 install --yes --no-install-recommends "$@" &&
    $sudo rm -f "$quiet"
}

set_up_system() {
  missing=
  for part in database fonts python "$@"; do
    "has_$part" || missing="$missing $part"
  done
  [ -n "$missing" ] || return 0

  sudo=
  if [ "$(id -u)" != 0 ]; then
    if has sudo && { sudo -n true 2>/dev/null || [ -t 0 ]; }; then sudo=sudo; else sudo=none; fi
  fi
  if has apt-get && [ "$sudo" != none ]; then
    [ -z "$sudo" ] || sudo -v # asks for the password now, not into the log
    # shellcheck disable=SC2046,SC2086
    step "系统软件包 System packages: $(packages apt $missing)" apt_install $(packages apt $missing)
  else
    # shellcheck disable=SC2086
    cat >&2 <<END
缺少系统软件包，请安装后重试。 Packages of the system are missing. Install them and try again:
  Debian/Ubuntu  sudo apt-get install --no-install-recommends $(packages apt $missing)
  Fedora         sudo dnf install $(packages dnf $missing)
  macOS          brew install $(packages brew $missing)
已有其他 PostGIS 时，可设置 GIS_DATABASE_URL。 With a PostGIS elsewhere, set GIS_DATABASE_URL instead.
END
    [ "$missing" = " fonts" ] || exit 1 # without them only pictures made here lack Chinese letters
  fi
}

# --- python ----------------------------------------------------------------------------------------------------------

venv_pip() { .venv/bin/python -m pip --disable-pip-version-check --no-input "$@"; }

set_up_packages() { # set_up_packages service|dev
  if ! .venv/bin/python -c '' 2>/dev/null; then
    found=$(find_python) || {
      echo "需要 Python 3.11 至 3.14（含 venv）。 Python 3.11 to 3.14 with venv is needed; PYTHON=/path/to/it chooses one." >&2
      exit 1
    }
    rm -rf .venv
    step "Python 环境 Virtual environment: $("$found" --version)" "$found" -m venv .venv
  fi
  step "Python 依赖 Python packages" venv_pip install --require-hashes -r "requirements/$1.lock"
}

set_up_project() { # set_up_project service|dev
  step "本项目 This project" venv_pip install --no-deps --no-build-isolation --editable .
  touch .venv/service .venv/"$1" # dev holds all of service, at the same versions
}

set_up_python() {
  set_up_packages "$1"
  set_up_project "$1"
}

# --- bench -----------------------------------------------------------------------------------------------------------

set_up_bench() { # its versions are apart from the service's own
  rm -rf .bench/venv
  step "对比系统 What it is compared with" .venv/bin/python -m venv .bench/venv
  step "对比系统 What it is compared with: packages" .bench/venv/bin/python -m pip --disable-pip-version-check --no-input \
    install --require-hashes -r benchmarks/requirements.lock
  touch .bench/venv
}

# --- assets ----------------------------------------------------------------------------------------------------------

web_npm() { (cd gis_service/web && npm "$@"); }

set_up_assets() {
  node=$(node --version 2>/dev/null || echo v0)
  node=${node#v}
  if ! has npm || [ "${node%%.*}" -lt 18 ]; then
    step "Node.js" venv_pip install --require-hashes -r requirements/node.lock
    PATH=$PWD/.venv/bin:$PATH
  fi
  step "网页资源 Browser assets" web_npm ci --ignore-scripts --no-audit --no-fund
  step "网页资源 Browser assets: licences and files" web_npm run vendor
  rm -rf gis_service/web/node_modules
  touch gis_service/web/vendor
}

part=$1
shift
"set_up_$part" "$@"
