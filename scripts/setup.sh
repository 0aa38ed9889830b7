#!/bin/sh
# Sets up a checkout so that the other npm scripts run: npm's packages, what the Node they bring needs of the machine, the
# Debian packages that the local provider calls, and the bundles in dist/. Does nothing where nothing is missing.
#
#   sh scripts/setup.sh         what running Hearth takes
#   sh scripts/setup.sh test    also the AWS clients and the servers that the end-to-end tests use
set -eu

cd "$(dirname "$0")/.."
PATH=$PATH:/usr/sbin:/sbin

say() { echo "setup: $*" >&2; }
fail() {
  say "$1"
  echo "Hint: $2" >&2
  exit 1
}
has() { command -v "$1" >/dev/null 2>&1; }

# 1. The machine's packages. First of all, because npm runs install scripts with the Node that it has just installed.
missing=
need() { missing="$missing $1"; }
# A package of its own since Debian 13; before, a part of QEMU's.
virtiofsd_package() {
  if apt-cache show virtiofsd >/dev/null 2>&1; then echo virtiofsd; else echo qemu-system-common; fi
}

if ! ldconfig -p 2>/dev/null | grep -q 'libatomic\.so\.1 '; then need libatomic1; fi
has mkfs.ext4 || need e2fsprogs
{ has unshare && has setpriv; } || need util-linux
has mount || need mount
if [ "${1:-}" = test ]; then
  has curl || need curl
  has nft || need nftables
  has openssl || need openssl
  # Servers that functions speak to, and the network that they are on.
  has ip || need iproute2
  has redis-server || need redis-server
  ls /usr/lib/postgresql/*/bin/postgres >/dev/null 2>&1 || need postgresql
  # Ubuntu's package of that name is a snap, which can't be used here: the test that needs it is skipped there.
  if ! has chromium && grep -q '^ID=debian' /etc/os-release 2>/dev/null; then need chromium; fi
  # Debian's own, whatever a user's pip has put in front of them.
  [ -x /usr/bin/aws ] || need awscli
  /usr/bin/python3 -c 'import importlib.util, sys; sys.exit(importlib.util.find_spec("boto3") is None)' 2>/dev/null ||
    need python3-boto3
  # The guest of e2e/guest, which is one of x86-64; what an ordinary user needs there.
  if [ "$(uname -m)" = x86_64 ]; then
    has qemu-system-x86_64 || need qemu-system-x86
    { [ -x /usr/lib/qemu/virtiofsd ] || [ -x /usr/libexec/virtiofsd ]; } || need "$(virtiofsd_package)"
    has newuidmap || need uidmap
    has pasta || need passt
    has ip || need iproute2
  fi
fi

if [ -n "$missing" ]; then
  install="apt-get update && apt-get install -y --no-install-recommends$missing"
  has apt-get || fail "this machine lacks:$missing (Debian's names)" 'install them with the package manager of your system'
  [ "$(id -u)" = 0 ] || fail "this machine lacks:$missing" "sudo sh -c '$install'"
  say "installing Debian packages:$missing"
  log=$(mktemp)
  # No standard input: a package must not ask.
  if ! DEBIAN_FRONTEND=noninteractive sh -c "$install" </dev/null >"$log" 2>&1; then
    tail -n 20 "$log" >&2
    rm -f "$log"
    fail 'apt-get failed, see above' "$install"
  fi
  rm -f "$log"
fi

# 2. npm's packages. npm writes this file last, so it is there, and newer than the lock, only after a whole install.
installed=node_modules/.package-lock.json
if [ ! -e "$installed" ] || [ package-lock.json -nt "$installed" ]; then
  say 'installing npm packages (a minute at most)'
  # Not `npm ci`: it refuses a lock that lacks a package for some other operating system, as does one that was written where
  # a mirror doesn't serve that package. This installs the same versions from the lock, and writes nothing to it.
  # `npm run` puts node_modules/.bin in front, whose node disappears while npm replaces it.
  machine_path=$(printf '%s' "$PATH" | tr ':' '\n' | grep -v '/node_modules/\.bin$' | paste -s -d :)
  PATH=$machine_path npm install --no-save --no-fund --no-audit --loglevel=error --include=optional --include=dev \
    </dev/null >&2 || fail 'npm install failed, see above' 'check the network, then try again; if that does not help, remove node_modules'
fi

# 3. The Node that everything else runs on.
node=node_modules/.bin/node
[ -e "$node" ] ||
  fail "npm has not installed Node for $(uname -s) on $(uname -m)" 'Hearth runs on Linux on x86-64 and arm64'
problem=$("$node" --version 2>&1 >/dev/null) || fail "$node does not run: $problem" \
  'install the library that it names with the package manager of your system (libatomic1 is called libatomic elsewhere)'

# 4. The bundles that run inside instances, unless they are newer than every file and folder that they are made of.
built=dist/.built
if [ ! -e "$built" ] || [ -n "$(find packages scripts/build.ts package-lock.json -name node_modules -prune -o \
  \( -type d -o -name '*.ts' -o -name package-lock.json \) -newer "$built" -print 2>/dev/null | head -n 1)" ]; then
  "$node" scripts/build.ts || fail 'scripts/build.ts failed, see above' "$node scripts/build.ts  shows it again"
  touch "$built"
fi

# 5. The kernel of the tests' guest: unpacked, not installed, which would make it one of this machine's.
guest=e2e/guest/.machine
if [ "${1:-}" = test ] && [ "$(uname -m)" = x86_64 ] && [ ! -e "$guest/vmlinuz" ]; then
  say 'fetching the kernel of the guest'
  sh scripts/guest-kernel.sh "$guest" || fail 'the kernel could not be fetched, see above' "apt-get update && sh scripts/guest-kernel.sh $guest"
fi
