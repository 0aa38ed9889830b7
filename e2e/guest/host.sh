#!/bin/sh
# Runs the guest's two programs on the host, QEMU and the server of its file tree, in namespaces of this script's own: their
# sockets and files are in a tmpfs that only they see, and all of it ends with the namespaces.
#
#   setpriv --pdeathsig KILL unshare --mount --pid --fork --kill-child=KILL --propagation unchanged sh host.sh MACHINE ACCELERATOR
#
# MACHINE is the directory that scripts/setup.sh fills. Standard input is the initramfs; the kernel's log goes to descriptor 3, a
# file; descriptor 4 is a stream socket, the other end of the guest's port.
set -eu

machine=$1
accelerator=$2
memory=2560M
files=/usr/lib/qemu/virtiofsd
[ -x "$files" ] || files=/usr/libexec/virtiofsd
work=$machine/work

# A machine on which mounts are shared would see them. In a chroot the root is no mount, and what is above it isn't shared.
mount --make-rprivate / 2>/dev/null || true
mkdir -p "$work"
mount -t tmpfs -o mode=700,size=6g hearth-guest "$work"
mkdir "$work/share"
# The server of files writes its process id there.
mount -t tmpfs hearth-guest /run
cat >"$work/initramfs"

# The machine's own files, as they are, read-only whatever the guest does.
mount --rbind / "$work/share"
mount -o remount,bind,ro "$work/share"
"$files" --socket-path="$work/files.sock" -f -o "source=$work/share,sandbox=chroot,cache=always,log_level=err" \
  2>"$work/files.log" &
# What the guest writes: a disk that starts out empty.
truncate -s 4G "$work/disk"
mkfs.ext4 -q -F -E lazy_itable_init=1,lazy_journal_init=1 -O ^has_journal "$work/disk"
while [ ! -S "$work/files.sock" ]; do
  kill -0 $! || { cat "$work/files.log" >&2; exit 1; }
  sleep 0.05
done

case $accelerator in
kvm) cpu='-accel kvm -cpu host' ;;
# Without memory protection keys: emulated, they let V8's own bookkeeping of its code fail now and then.
tcg) cpu='-accel tcg,tb-size=512 -cpu max,pku=off' ;;
esac
# One processor: with several emulated ones that fails too, in one start of Node in twenty.
# shellcheck disable=SC2086 # several words
exec qemu-system-x86_64 -machine q35,memory-backend=memory $cpu -smp 1 -m "$memory" \
  -object "memory-backend-memfd,id=memory,size=$memory,share=on" \
  -nodefaults -no-user-config -no-reboot -display none \
  -kernel "$machine/vmlinuz" -initrd "$work/initramfs" \
  -append 'console=ttyS0 quiet panic=-1 cgroup_no_v1=all' \
  -chardev file,id=log,path=/proc/self/fd/3 -serial chardev:log \
  -chardev socket,id=files,path="$work/files.sock" -device vhost-user-fs-pci,chardev=files,tag=machine,queue-size=1024 \
  -drive "if=none,id=disk,file=$work/disk,format=raw,cache=unsafe" -device virtio-blk-pci,drive=disk \
  -device virtio-rng-pci \
  -device virtio-serial-pci -chardev socket,id=port,fd=4 -device virtserialport,chardev=port,name=hearth
