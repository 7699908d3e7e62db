#!/bin/sh
# The guest's PID 1: kernel file systems, network, udev for the device links, cameras, and the agent that the tests ask.
# No systemd: this boots in a third of the time.
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t tmpfs tmp /tmp
mount -t tmpfs run /run
mkdir /dev/shm && mount -t tmpfs shm /dev/shm
ip link set lo up
ip address add 10.0.2.15/24 dev eth0
ip link set eth0 up
mkfifo /run/agent
python3 /sbin/guest-agent >/run/agent &
/usr/lib/systemd/systemd-udevd --daemon
modprobe vivid n_devs=1 node_types=0x1
modprobe v4l2loopback video_nr=20 card_label=encoding-camera exclusive_caps=1
udevadm trigger --subsystem-match=video4linux
udevadm settle
read -r listening </run/agent
echo "guest is ready: $listening"
while :; do wait; sleep 3600; done
