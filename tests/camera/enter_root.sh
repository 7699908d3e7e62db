# enter_root.sh ROOT CHECKOUT BENCH SHARED PROGRAM...: run PROGRAM in the camera root.
#
# Called by `root.program_in_root` in a mount namespace of its own, so nothing here outlives the program. The network and
# the processes are the machine's. /dev has no device but the stand-in encoder's node, which BENCH holds or not.
root=$1 checkout=$2 bench=$3 shared=$4
shift 4

mount -t tmpfs -o mode=0755,size=1m devices "$root/dev"
for name in null zero full random urandom; do
    : >"$root/dev/$name"
    mount --bind "/dev/$name" "$root/dev/$name"
done
ln -s /run/camera_bench/video11 "$root/dev/video11"
mount --bind /proc "$root/proc"
mkdir -p "$root$shared"
mount --bind "$shared" "$root$shared"
mount --bind "$bench" "$root/run/camera_bench"
mount --bind "$checkout" "$root/opt/edge_streamer"
mount -o remount,bind,ro "$root/opt/edge_streamer"

exec chroot "$root" env \
    PYTHONPATH=/opt/edge_streamer/tests/camera/stand_ins:/opt/edge_streamer:/opt/wheels \
    PYTHONPYCACHEPREFIX=/var/cache/python \
    EDGE_STREAMER_CAMERA_BENCH=/run/camera_bench \
    LIBCAMERA_LOG_LEVELS='*:FATAL' \
    LC_ALL=C.UTF-8 \
    "$@"
