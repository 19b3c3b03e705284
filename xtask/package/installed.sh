#!/bin/sh
# Runs inside of a fresh Debian, in namespaces of its own: the package is installed, serves what `init`
# writes, is upgraded and removed, and the log is there to the end.
set -eu

data=/var/lib/tidegate
say() { echo "installed: $*"; }

# As the unit starts it: a user of its own, with the capabilities that the kernel's part needs.
serve() {
    : >/tmp/ready
    caps=+bpf,+net_admin,+perfmon,+sys_ptrace
    setpriv --reuid=tidegate --regid=tidegate --clear-groups \
        --inh-caps=$caps --ambient-caps=$caps tidegate run >/tmp/ready 2>/tmp/log &
    gateway=$!
    until grep -q '"ready":true' /tmp/ready; do
        kill -0 $gateway || { cat /tmp/log; exit 1; }
        sleep 0.1
    done
}

# The status that a call gets from the gateway.
call() {
    bash -c 'exec 3<>/dev/tcp/127.0.0.1/8440
        printf "GET /crm/customers/1 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n" >&3
        head -n 1 <&3' | cut -d " " -f 2
}

stop() {
    kill -TERM $gateway
    wait $gateway
}

# Verifies the log, and counts its records.
records() {
    tidegate audit verify --data $data >/tmp/verdict || { cat /tmp/verdict; exit 1; }
    # Whoever lists them is on record, too, and is one more.
    sed -n 's/^records *\([0-9]*\).*/\1/p' /tmp/verdict
}

dpkg --install /packages/old.deb
tidegate --version
man=/usr/share/man/man1/tidegate.1.gz
gzip --test $man

tidegate init --yes
[ "$(stat -c %U:%a $data)" = tidegate:700 ]
serve
status=$(call)
[ "$status" = 403 ] || { say "a stranger got $status"; exit 1; }
say "serves, and refuses a stranger ($status)"
stop
before=$(records)
say "$before records, verified"

dpkg --install /packages/new.deb
after=$(records)
[ "$after" = "$before" ] || { say "$after records after the upgrade"; exit 1; }
serve
call >/dev/null
stop
after=$(records)
[ "$after" -gt "$before" ]
say "upgraded: $after records, verified"

cp /usr/bin/tidegate /tmp/verifier
dpkg --remove tidegate
[ ! -e /usr/bin/tidegate ]
dpkg --purge tidegate
[ -e $data/log.sqlite ] && [ -e /etc/tidegate/tidegate.yaml ]
/tmp/verifier audit verify --data $data >/dev/null
say "removed and purged: the log is there, and verifies"
