"""The Debian package `edge-streamer`: `build` makes it, the other files here are its parts.

python3 -m deploy.debian.build --output DIR     # or: make deb

control         the package's fields; `build` adds the version and the size
postinst, prerm, postrm     what dpkg runs; the socket units go on listening during an upgrade. The journal's
                            catalog is updated by a trigger of Debian's package systemd
copyright, lintian-overrides
"""
