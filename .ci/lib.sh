# shellcheck shell=bash
# What the scripts here share. Sourced, never run. Works with bash 3.2 (macOS) as well.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# Go keeps its caches under HOME, which some build hosts do not set.
if [ -z "${HOME:-}" ]; then
  HOME="${TMPDIR:-/tmp}/eclipse-home"
  mkdir -p "$HOME"
  export HOME
fi
export DEBIAN_FRONTEND=noninteractive
export npm_config_audit=false npm_config_fund=false npm_config_update_notifier=false
export PRISMA_HIDE_UPDATE_MESSAGE=1 CHECKPOINT_DISABLE=1

# Versions of the tools that are no dependency of the module.
STATICCHECK=honnef.co/go/tools/cmd/staticcheck@v0.8.2
GOVULNCHECK=golang.org/x/vuln/cmd/govulncheck@v1.9.0
BENCHSTAT=golang.org/x/perf/cmd/benchstat@v0.0.0-20260908200009-22c9c6c9d4da
export STATICCHECK GOVULNCHECK BENCHSTAT

say() { printf '\n== %s\n' "$*"; }

have() { command -v "$1" >/dev/null 2>&1; }

have_browser() {
  local name
  for name in chromium chromium-browser google-chrome google-chrome-stable headless-shell chrome; do
    if have "$name"; then return 0; fi
  done
  [ -x "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome" ] ||
    [ -x "/Applications/Chromium.app/Contents/MacOS/Chromium" ]
}

have_c() { have gcc || have clang || have cc; }

as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi
}

can_apt() { have apt-get && { [ "$(id -u)" = 0 ] || { have sudo && sudo -n true 2>/dev/null; }; }; }

# apt_get tries three times: mirrors have bad moments. RUNLEVEL=1 keeps a package from starting its service.
apt_get() {
  local try
  for try in 1 2 3; do
    if as_root env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get -y -q -o Acquire::Retries=3 "$@"; then return 0; fi
    echo "apt-get $1 failed (try $try of 3)" >&2
    sleep $((try * 3))
  done
  return 1
}

# missing prints the Debian packages of what is not there.
missing() {
  have redis-server || echo redis-server
  have_browser || echo chromium
  have_c || echo gcc libc6-dev
  have node || echo nodejs
  have npm || echo npm
  have protoc || echo protobuf-compiler
}

# install_needs installs what tests and checks need, where it is missing and where that is possible.
install_needs() {
  local packages
  packages=$(missing | tr '\n' ' ')
  if [ -z "$packages" ]; then return 0; fi
  if can_apt; then
    say "installing $packages"
    # shellcheck disable=SC2086 # a list of packages
    if ! { apt_get update && apt_get install --no-install-recommends ca-certificates $packages; }; then
      echo "apt-get could not install all of it" >&2
    fi
  fi
  packages=$(missing | tr '\n' ' ')
  if [ -z "$packages" ]; then return 0; fi
  echo "Missing, and not installed: $packages" >&2
  if have brew; then
    echo "Try: brew install redis node protobuf && brew install --cask chromium" >&2
  else
    echo "Install the packages of these names with your system's package manager, as root." >&2
  fi
  case " $packages" in
  *" redis-server "* | *" chromium "* | *" gcc "*) return 1 ;; # the tests cannot run without
  esac
}

need_go() {
  if ! have go; then
    echo "Go is missing: install it from https://go.dev/dl/ (the version is in go.mod)" >&2
    exit 1
  fi
}

# step runs a command under a title and remembers its failure, so that one run tells about all of them.
failed=()
step() {
  local title=$1 begin=$SECONDS
  shift
  say "$title"
  if "$@"; then
    echo "-- $title: ok ($((SECONDS - begin)) s)"
  else
    echo "-- $title: FAILED ($((SECONDS - begin)) s)" >&2
    failed+=("$title")
  fi
}

# finish ends a script with what failed.
finish() {
  if [ ${#failed[@]} -gt 0 ]; then
    echo >&2
    printf 'FAILED: %s\n' "${failed[@]}" >&2
    exit 1
  fi
}

scratch=""
# scratch_dir makes one directory that goes when the script ends.
scratch_dir() {
  if [ -z "$scratch" ]; then
    scratch=$(mktemp -d)
    trap 'rm -rf "$scratch"' EXIT
  fi
}
