"""The program that runs at every boot of a device image: `python3 -m edge_streamer.appliance`.

It takes what people wrote on the card's first partition, keeps it on the data partition, and writes from it what the
rest of the system reads. It runs as root, before the network and the service, and ends; the service runs without it
too. `steps` is the table of what is done in which order, and says what a failure of each step means: no failure stops
the next step.

    steps           the table of a boot; main runs it. boot: what the steps of one boot know of each other
    announcing      the second program, `... announce`: console and card again once the device has addresses
    paths           every path, in one value; tests put it below a folder
    slot, identity  what the initramfs found; serial number, host name, machine id
    settings_store  the one file that keeps the settings: settings.json
    card_mount      the card's first partition, mounted only while it is used
    card, formats/  what those files say, in each of their formats; network_files: what the system reads of it
    card_files      which files of the card are taken, and whether they changed; blanking: secrets are overwritten
    configuration   checks a configuration as the service would; password: the admin's
    partition_table, growth   the data partition is grown to the end of the disk
    status_text     what people read; addresses
    durable, commands   files that survive a power cut; other programs

Power may go at any instant. What makes that harmless is one rule: a step only begins when what it takes away is kept
elsewhere, and a step that is done again does nothing new. `settings.json` is renamed into place before the service's
configuration is written and before a secret on the card is overwritten; it says that both are still to be done, until
they are.
"""
