# zoneminder.sh MONITOR: run ZoneMinder's capture daemon for one monitor, whose source the SQL assignments MONITOR say.
#
# It saves each picture that it has decoded as a JPEG file below /tmp/pictures. Runs in the recorders' root until it is
# killed, and its database with it.
install -d -o www-data /run/zm /tmp/zm /tmp/log /tmp/pictures
mkdir /run/mysqld
cp -a /opt/zoneminder-db /dev/shm/db
mariadbd --no-defaults --user=root --datadir=/dev/shm/db --innodb-log-file-size=4M --skip-networking \
    --socket=/run/mysqld/mysqld.sock 2>/tmp/mariadbd.log &
for _ in $(seq 100); do mariadb-admin --no-defaults ping >/dev/null 2>&1 && break; sleep 0.1; done
mariadb zm -e "INSERT INTO Monitors SET Name = 'lab', Function = 'Record', StorageId = 1, SaveJPEGs = 1, Colours = 4, \
    ImageBufferCount = 20, MaxImageBufferCount = 200, $1"
exec setpriv --reuid=www-data --regid=www-data --clear-groups env LOG_FLUSH=1 zmc -m 1
