#!/bin/sh
# SPDX-License-Identifier: ISC
#
# usage: sh etc/quickstart.sh
#
# Builds po in build/, makes a spool of its own in build/quickstart, sends
# messages through it as a program would, and shows where they arrived. Needs
# no mail server and no network but for Debian's packages; touches nothing
# outside of build/ (and, as root, installs missing packages). May be repeated:
# each time new messages are added.
set -u

top=$(cd "$(dirname "$0")/.." && pwd) || exit 1
build=$top/build
place=$build/quickstart
stamp=$(date +%Y%m%d%H%M%S).$$
export PO_CONFIG="$place/po.conf" LC_ALL=C.UTF-8

fail() {
	echo
	echo "quickstart: FAILED: $*"
	exit 1
}

title() {
	printf '\n== %s\n' "$*"
}

# quietly NAME COMMAND...: the output goes to a log, shown when it fails
quietly() {
	log=$build/$1.log
	shift
	"$@" > "$log" 2>&1 || {
		tail -n 20 "$log"
		fail "$* (see $log)"
	}
}

configure_there() (
	cd "$build" && "$top/configure" -q
)

lines() {
	grep -c "$@" "$place/po.log" 2> /dev/null || true
}

# ------------------------------------------------------------------ building

title "packages"
sh "$top/etc/install-packages" "$top/etc/build-packages" ||
    echo "trying without them"

title "building in $build"
mkdir -p "$place" || fail "cannot make $place"
if [ ! -x "$top/configure" ] || [ ! -f "$top/Makefile.in" ]; then
	quietly autoreconf autoreconf -fi "$top"
fi
[ -f "$build/Makefile" ] || quietly configure configure_there
quietly make make -C "$build" -j"$(nproc 2> /dev/null || echo 2)"
"$build/po-queue" --version || fail "po-queue does not start"

# ---------------------------------------------------------------- own spool

title "an own spool"
cat > "$PO_CONFIG" <<EOF || fail "cannot write $PO_CONFIG"
# written by etc/quickstart.sh
spool = "$place/spool";
capture_dir = "$place/Maildir";
hostname = "host.example";
domain = "example.org";
log = { target = "file"; file = "$place/po.log"; };
EOF
cat "$PO_CONFIG"
"$build/po-queue" --setup --user || fail "po-queue --setup --user"
sent_before=$(lines 'status=sent')
touch "$place/before" || fail "cannot write in $place"

# --------------------------------------------------------------- submission

submit() { # the message is on stdin
	"$build/sendmail" -t -i || fail "sendmail -t -i exited with $?"
}

title "three messages by sendmail -t -i"
submit <<EOF
To: Joe Example <joe@example.com>
Subject: first $stamp

Hello Joe,
the next line has a dot alone, which ends nothing with -i:
.
That was it.
EOF
submit <<EOF
To: ann@example.com, bob@example.com
Bcc: secret@example.com
Subject: second $stamp

To two, and to a third in Bcc: three copies, and no Bcc line in any.
EOF
submit <<EOF
To: root
Subject: third $stamp

An address without a domain, as cron writes it.
EOF

title "taken in, and waiting"
"$build/po-queue" --ingest || fail "po-queue --ingest"
"$build/po-queue" --list || fail "po-queue --list"

# ----------------------------------------------------------------- delivery

title "po-queue -p 4"
"$build/po-queue" -p 4 -v || fail "po-queue -p 4 exited with $?"

title "delivered: $place/Maildir"
find "$place/Maildir/new" -type f -newer "$place/before" > "$place/files"
while read -r file; do
	echo "--- ${file#"$place/"}"
	cat "$file"
done < "$place/files"

title "log lines"
tail -n 20 "$place/po.log"

title "history"
for file in "$place"/spool/history/*; do
	echo "--- ${file#"$place/"}"
	tail -n 5 "$file"
done

# ------------------------------------------------------------------ verdict

copies=$(wc -l < "$place/files")
sent=$(($(lines 'status=sent') - sent_before))
# shellcheck disable=SC2046
bcc=$(grep -il '^bcc:' $(cat "$place/files") /dev/null | wc -l)

[ "$copies" -eq 5 ] || fail "5 copies expected in the Maildir, $copies found"
[ "$sent" -eq 5 ] || fail "5 lines with status=sent expected, $sent found"
[ "$bcc" -eq 0 ] || fail "a Bcc line was delivered"
for subject in first second third; do
	xargs grep -l "^Subject: $subject $stamp" < "$place/files" > /dev/null ||
	    fail "the $subject message is not there"
done
"$build/po-queue" --check || fail "po-queue --check"
echo
echo "quickstart: OK: 3 messages for 5 recipients queued, delivered, logged"
