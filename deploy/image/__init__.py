"""The image of the appliance: `python3 -m deploy.image.build --board BOARD`.

    build            the command, its steps, and what it prints
    boards           what differs between boards: architecture, kernel, how it starts
    contents         Debian's packages on the device, and what is left out of them
    base_tree        Debian without our own files: slow, so it is kept
    root_tree        our package and our own files on it; the initramfs
    kernels          the kernels of a tree, and their names on a boot partition
    efi              boot partition of machines with UEFI
    raspberry_pi     packages and partitions of Raspberry Pis
    rpi_archive      the package archive of their maker, as a second source
    layout           the partitions
    file_systems     FAT, ext4 and squashfs as files, without mounting one
    disk             partition table and file systems, in one file; its compressed form
    inputs           version, commit, time; identities made from the inputs, so that the same inputs give the same bytes
    sbom             the bill of materials of a tree
    made_file        size and checksum of a finished file
    imager_manifest  what Raspberry Pi Imager is told of the image
    emulator         `python3 -m deploy.image.emulator`: the image in QEMU, for whoever has no board
    rooted, tools    programs of the build machine, as root of a tree or not

    rpi-image-gen/   for those who build with Raspberry Pi's own builder: a layer and a configuration
    root/            files that are copied over the tree as they lie
    initramfs/       what goes to /etc/initramfs-tools: the step that mounts the data partition
    config_partition/  what people find on the first partition

Only Python's standard library: the builder runs with the build machine's own Python.
"""
