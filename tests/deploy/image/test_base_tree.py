"""Where Debian comes from, and when a kept tree is made again."""

import subprocess
from pathlib import Path

from deploy.image.base_tree import _CLEAN_HOOK, mirrors_in, mirrors_in_uris

TARGETS = """\
Debian|Debian|http://mirror.test/debian/
Debian|Debian|http://second.test/debian/
Debian|Debian-Security|http://mirror.test/debian-security/
Docker|Docker CE|http://docker.test/
"""
URIS = """\
'http://mirror.test/debian/dists/bookworm/InRelease' mirror.test_debian_dists_bookworm_InRelease 0 
'http://mirror.test/debian/dists/bookworm-updates/InRelease' mirror.test_x 0 
'http://mirror.test/debian-security/dists/bookworm-security/InRelease' mirror.test_y 0 
'http://node.test/node/dists/nodistro/InRelease' node.test_z 0 
'http://mirror.test/debian/dists/bookworm/main/binary-amd64/Packages.xz' mirror.test_p 0 
"""  # noqa: W291 - as apt prints it


def test_the_first_mirror_of_each_archive_of_debian_counts():
    assert mirrors_in(TARGETS) == {
        "Debian": "http://mirror.test/debian/",
        "Debian-Security": "http://mirror.test/debian-security/",
    }


def test_a_machine_without_package_lists_knows_its_mirrors_too():
    assert mirrors_in_uris(URIS) == {
        "Debian": "http://mirror.test/debian/",
        "Debian-Security": "http://mirror.test/debian-security/",
    }


def test_without_debian_there_is_no_mirror():
    assert mirrors_in("") == {}
    assert mirrors_in_uris("'http://node.test/node/dists/nodistro/InRelease' node.test_z 0 \n") == {}


def test_cleaning_leaves_what_mmdebstrap_cleans_with(tmp_path: Path):
    """Without its settings, in the tree's /tmp, mmdebstrap's apt-get empties this machine's lists of packages."""
    settings, lists = tmp_path / "tmp/mmdebstrap.apt.conf.Ab12", tmp_path / "var/lib/apt/lists"
    others = [
        tmp_path / name for name in ("tmp/left/file", "run/lock", "var/cache/x", "var/log/dpkg.log", "etc/passwd-")
    ]
    lists.mkdir(parents=True)
    for file in (settings, *others):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    subprocess.run(["sh", "-ec", _CLEAN_HOOK, "hook", str(tmp_path)], check=True)
    assert settings.exists()
    assert lists.exists()
    assert not [file for file in others if file.exists()]
    assert not (tmp_path / "tmp/left").exists()
