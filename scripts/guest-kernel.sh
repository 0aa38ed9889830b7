#!/bin/sh
# Puts Debian's cloud kernel, its modules and a static busybox into a directory: what e2e/guest boots. Nothing is installed.
#
#   sh scripts/guest-kernel.sh DIRECTORY
set -eu

mkdir -p "$1"
directory=$(cd "$1" && pwd)
unpacked=$(mktemp -d "$directory/unpacked-XXXXXX")
trap 'rm -rf "$unpacked"' EXIT
cd "$unpacked"

# A machine that was set up long ago, or never installed anything, has no list or an old one.
find_kernel() { apt-cache depends linux-image-cloud-amd64 2>/dev/null | sed -n 's/.*Depends: \(linux-image-[0-9][^ ]*\)$/\1/p' | head -n 1; }
fetch() { kernel=$(find_kernel) && [ -n "$kernel" ] && apt-get -qq -o APT::Sandbox::User=root download "$kernel" busybox-static; }
fetch || { apt-get -qq update && fetch; }

for package in *.deb; do dpkg-deb -x "$package" .; done
rm -rf "$directory/modules"
mv lib/modules/*/kernel "$directory/modules"
mv bin/busybox "$directory/busybox"
# Last, because it says that all is there.
mv boot/vmlinuz-* "$directory/vmlinuz"
