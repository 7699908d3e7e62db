# make_database.sh ROOT: make ZoneMinder's database in a new root, as its README.Debian says, and say where files go.
#
# Called by `root` in a mount namespace of its own. The database ends up in /opt/zoneminder-db; a run copies it.
root=$1
mount --rbind /dev "$root/dev"
mount -t proc proc "$root/proc"
mount -t tmpfs run "$root/run"
chroot "$root" chgrp www-data /etc/zm/zm.conf
echo 'ZM_PATH_LOGS=/tmp/log' >"$root/etc/zm/conf.d/50-lab.conf"

exec chroot "$root" env -i PATH=/usr/sbin:/usr/bin LC_ALL=C.UTF-8 sh -eu -c '
mkdir -p /run/mysqld
data="--no-defaults --user=root --datadir=/opt/zoneminder-db --innodb-log-file-size=4M"
mariadb-install-db $data --auth-root-authentication-method=normal --skip-test-db >/dev/null
mariadbd $data --skip-networking --socket=/run/mysqld/mysqld.sock 2>/run/mariadbd.log &
for _ in $(seq 100); do mariadb-admin --no-defaults ping >/dev/null 2>&1 && break; sleep 0.1; done
mariadb </usr/share/zoneminder/db/zm_create.sql
mariadb -e "CREATE USER zmuser@localhost IDENTIFIED BY \"zmpass\"; GRANT ALL ON zm.* TO zmuser@localhost"
mariadb zm -e "UPDATE Storage SET Path = \"/tmp/pictures\""
mariadb-admin shutdown
wait'
