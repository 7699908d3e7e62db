# enter_root.sh ROOT WORK PROGRAMS PROGRAM...: run PROGRAM in the recorders' root.
#
# Called by `recorder.command_in_root` in mount and process namespaces of its own, so nothing here outlives the program,
# and in the network namespace of a viewer. The root is read-only; /tmp is WORK, the one folder that a test can see.
root=$1 work=$2 programs=$3
shift 3

mount --rbind "$root" "$root"
mount -t tmpfs -o mode=0755,size=1m devices "$root/dev"
mkdir "$root/dev/shm"
mount -t tmpfs -o size=256m memory "$root/dev/shm"
for name in null zero full random urandom; do
    : >"$root/dev/$name"
    mount --bind "/dev/$name" "$root/dev/$name"
done
mount -t proc proc "$root/proc"
mount -t tmpfs -o size=64m run "$root/run"
mount --bind "$work" "$root/tmp"
mount --bind "$programs" "$root/opt/recorders"
mount -o remount,bind,ro "$root"

exec chroot "$root" env -i PATH=/usr/sbin:/usr/bin LC_ALL=C.UTF-8 HOME=/tmp PYTHONPATH=/opt/wheels \
    PYTHONDONTWRITEBYTECODE=1 "$@"
