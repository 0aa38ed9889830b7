#!/bin/busybox sh
# The guest's first process. In the initramfs: loads the modules, then puts the guest's file tree together, the machine's own
# files with a disk above them for what is written, and moves into it. There, as its init: runs one command and powers off.
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin

# A guest that can't go on ends, and the kernel's log says why.
set -e
trap 'echo "init: failed" >/dev/kmsg; echo o >/proc/sysrq-trigger; sleep 60' EXIT

if [ "$1" != command ]; then
  /bin/busybox --install -s /bin
  mount -t proc proc /proc
  mount -t sysfs sys /sys
  mount -t devtmpfs dev /dev
  exec >/dev/ttyS0 2>&1
  while read -r module; do insmod "/modules/$module" || echo "no $module"; done </modules/order
  mkdir -p /machine /disk /root
  mount -t virtiofs -o ro machine /machine
  mount -t ext4 /dev/vda /disk
  mkdir /disk/upper /disk/work
  mount -t overlay -o lowerdir=/machine,upperdir=/disk/upper,workdir=/disk/work overlay /root
  for name in proc sys dev; do mount --move "/$name" "/root/$name"; done
  mkdir -p /root/dev/pts /root/dev/shm
  mount -t devpts devpts /root/dev/pts
  mount -t tmpfs tmpfs /root/dev/shm
  mount -t tmpfs -o mode=755 tmpfs /root/run
  mkdir /root/run/guest
  cp /init /command /bin/busybox /root/run/guest
  exec switch_root /root /run/guest/busybox sh /run/guest/init command
fi

mount -t cgroup2 -o nsdelegate cgroup2 /sys/fs/cgroup
/run/guest/busybox ip link set lo up
for name in /sys/class/virtio-ports/*; do
  [ "$(cat "$name/name")" != hearth ] || port=/dev/${name##*/}
done
# One who opens the port, because it lets no second one in.
(
  echo up
  # The machine's own shell: busybox's takes its own programs for the machine's.
  /bin/sh /run/guest/command
) 2>&1 </dev/null | cat >"$port"
sync
echo o >/proc/sysrq-trigger
sleep 60
