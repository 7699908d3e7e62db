"""The image of the appliance: `python3 -m deploy.image.build --board BOARD`.

    build            the command, its steps, and what it prints
    boards           what differs between boards: architecture, kernel, how it starts
    contents         Debian's packages on the device, and what is left out of them
    base_tree        Debian without our own files: slow, so it is kept
    root_tree        our package and our own files on it; the initramfs
    efi              boot partition of machines with UEFI
    layout           the partitions
    file_systems     FAT, ext4 and squashfs as files, without mounting one
    disk             partition table and file systems, in one file; its compressed form
    inputs           version, commit, time; identities made from the inputs, so that the same inputs give the same bytes
    emulator         `python3 -m deploy.image.emulator`: the image in QEMU, for whoever has no board
    rooted, tools    programs of the build machine, as root of a tree or not

    root/            files that are copied over the tree as they lie
    initramfs/       what goes to /etc/initramfs-tools: the step that mounts the data partition
    config_partition/  what people find on the first partition

Only Python's standard library: the builder runs with the build machine's own Python.
"""
