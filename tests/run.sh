#!/bin/sh
# SPDX-License-Identifier: ISC
#
# usage: sh tests/run.sh [--long]
#
# Installs what the tests need (as root on Debian), builds po in several ways
# below build-tests/, runs every test and closes with "N passed, N failed"; the
# exit status is 0 when nothing failed. --long adds what takes long: valgrind,
# fuzzing, static analysis.
#
# Two lanes run side by side: one builds with gcc, checks, and runs the
# programs end to end; the other builds with sanitizers, with clang, and makes
# and checks the tarball. Each step writes its own log and one line
# "PASSED FAILED SKIPPED" into build-tests/results.
set -u

long=no
case ${1:-} in
"") ;;
--long) long=yes ;;
*)
	echo "usage: sh tests/run.sh [--long]" >&2
	exit 64
	;;
esac

top=$(cd "$(dirname "$0")/.." && pwd) || exit 1
cd "$top" || exit 1
work=$top/build-tests
results=$work/results
jobs=$(nproc 2> /dev/null || echo 2)
lanes=

# make's own variables of an outer make would change what is built here.
unset MAKEFLAGS MAKELEVEL MFLAGS CFLAGS CPPFLAGS LDFLAGS PO_CONFIG
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
export PATH LC_ALL=C.UTF-8 PYTHONDONTWRITEBYTECODE=1

# end PID: it and what it began
end() {
	for pid in $(pgrep -P "$1"); do
		end "$pid"
	done
	kill "$1" 2> /dev/null
}

cancel() {
	trap - INT TERM
	for lane in $lanes; do
		end "$lane"
	done
	exit 130
}
trap cancel INT TERM

seconds() {
	date +%s
}

# ------------------------------------------------------------------ results

# record NAME PASSED FAILED SKIPPED START: one line of results and of output
record() {
	echo "$2 $3 $4" > "$results/$1"
	if [ "$3" -eq 0 ]; then
		verdict=ok
	else
		verdict=FAILED
	fi
	echo "$1: $verdict ($2 passed, $3 failed, $4 skipped," \
	    "$(($(seconds) - $5)) s)"
	[ "$3" -eq 0 ] || sed 's/^/  | /' "$work/$1.excerpt" 2> /dev/null
}

# step NAME COMMAND...: passes when the command does
step() {
	name=$1
	start=$(seconds)
	shift
	if "$@" > "$work/$name.log" 2>&1; then
		record "$name" 1 0 0 "$start"
	else
		tail -n 25 "$work/$name.log" > "$work/$name.excerpt"
		record "$name" 0 1 0 "$start"
		return 1
	fi
}

# tap_step NAME COMMAND...: the command speaks TAP
tap_step() {
	name=$1
	start=$(seconds)
	shift
	"$@" > "$work/$name.log" 2>&1
	status=$?
	skipped=$(grep -c '^ok .*# SKIP' "$work/$name.log")
	passed=$(($(grep -c '^ok ' "$work/$name.log") - skipped))
	failed=$(grep -c '^not ok ' "$work/$name.log")
	if [ "$failed" -eq 0 ] && { [ "$status" -ne 0 ] || [ "$passed" -eq 0 ]; }
	then
		failed=1
	fi
	if ! grep '^not ok ' "$work/$name.log"; then
		tail -n 25 "$work/$name.log"
	fi > "$work/$name.excerpt"
	record "$name" "$passed" "$failed" "$skipped" "$start"
	[ "$failed" -eq 0 ]
}

# check_step NAME FOLDER [VARIABLE=VALUE...]: `make check` there, counted by
# its summary. A build that breaks, or a run without a test, is a failure.
check_step() {
	name=$1
	folder=$2
	start=$(seconds)
	shift 2
	make -C "$folder" -j"$jobs" check "$@" > "$work/$name.log" 2>&1
	status=$?
	# shellcheck disable=SC2046
	set -- $(awk '$1 == "#" && $2 ~ /:$/ { n[$2] = $3 } END {
		print n["PASS:"] + n["XFAIL:"] + 0,
		    n["FAIL:"] + n["XPASS:"] + n["ERROR:"] + 0,
		    n["SKIP:"] + 0 }' "$work/$name.log")
	failed=$2
	if [ "$failed" -eq 0 ] && { [ "$status" -ne 0 ] || [ "$1" -eq 0 ]; }
	then
		failed=1
	fi
	{
		grep -E '^(FAIL|ERROR|XPASS): |: error: |\*\*\*' \
		    "$work/$name.log" | head -n 40
		echo "see $folder/test-suite.log"
	} > "$work/$name.excerpt"
	record "$name" "$1" "$failed" "$3" "$start"
	[ "$failed" -eq 0 ]
}

# pytest_step NAME FOLDER BUILD [ARGUMENT...]: tests/FOLDER with that build's
# programs
pytest_step() {
	name=$1
	folder=$2
	built=$3
	start=$(seconds)
	shift 3
	(cd "tests/$folder" && PO_BUILD=$work/$built /usr/bin/python3 -m pytest -q \
	    -p no:cacheprovider -rs --tb=short \
	    --junitxml="$work/$name.xml" "$@") > "$work/$name.log" 2>&1
	status=$?
	# shellcheck disable=SC2046
	set -- $(/usr/bin/python3 - "$work/$name.xml" <<'EOF'
import sys
import xml.etree.ElementTree as tree
try:
    suites = list(tree.parse(sys.argv[1]).getroot().iter("testsuite"))
except (OSError, tree.ParseError):
    suites = []
count = {k: sum(int(s.get(k, 0)) for s in suites)
         for k in ("tests", "failures", "errors", "skipped")}
failed = count["failures"] + count["errors"]
print(max(count["tests"] - failed - count["skipped"], 0), failed,
      count["skipped"])
EOF
)
	failed=$2
	if [ "$failed" -eq 0 ] && { [ "$status" -ne 0 ] || [ "$1" -eq 0 ]; }
	then
		failed=1
	fi
	tail -n 60 "$work/$name.log" > "$work/$name.excerpt"
	record "$name" "$1" "$failed" "$3" "$start"
	[ "$failed" -eq 0 ]
}

# ------------------------------------------------------------------- steps

# build NAME CONFIGURE-ARGUMENT...
build() (
	folder=$work/$1
	shift
	mkdir -p "$folder" && cd "$folder" &&
	    "$top/configure" -q "$@" && make -j"$jobs"
)

# `make -q` cannot tell: automake's "all" is phony.
builds_nothing_again() {
	touch "$work/stamp"
	make -C "$work/gcc" || return
	written=$(find "$work/gcc" -type f -newer "$work/stamp")
	echo "$written"
	[ -z "$written" ]
}

distcheck() (
	mkdir -p "$work/dist" && cd "$work/dist" && "$top/configure" -q &&
	    make -j"$jobs" distcheck DISTCHECK_CONFIGURE_FLAGS=--enable-werror
)

# everything that is kept in git, but for what only git and CI read
tarball_is_complete() {
	tar -tf "$work"/dist/po-*.tar.xz | sed -n 's|^[^/]*/||p' |
	    LC_ALL=C sort > "$work/in-tarball"
	git ls-files | grep -v -e '^\.gitignore$' -e '^\.ci/' |
	    LC_ALL=C sort | LC_ALL=C comm -23 - "$work/in-tarball" \
	    > "$work/not-in-tarball"
	cat "$work/not-in-tarball"
	[ ! -s "$work/not-in-tarball" ]
}

# LOG_COMPILER of `make check`: programs of ours under valgrind, scripts as is
valgrind_wrapper() {
	cat > "$work/valgrind" <<'EOF' && chmod +x "$work/valgrind"
#!/bin/sh
case $1 in
*/lint/*) exec "$@" ;;
*) exec valgrind -q --error-exitcode=99 --leak-check=full "$@" ;;
esac
EOF
}

# ctuuninitvar takes a pointer to what a function fills in for one to what it
# reads.
analysis() {
	cppcheck -q --std=c11 --enable=warning,performance,portability \
	    --inline-suppr --suppress=ctuuninitvar --error-exitcode=1 -I src -I "$work/gcc" \
	    --include="$work/gcc/config.h" src
}

# fuzz MINUTES
fuzz() {
	PO_BUILD=$work/fuzzing sh tests/fuzz/run "$1"
}

# Unit tests make their spools in memory where there is enough of it: they wait
# for a disk most of the time. Those of the gcc build and of the tarball use
# /tmp.
in_memory() {
	if [ "$(df -Pk /dev/shm 2> /dev/null | awk 'END { print $4 }')" -gt 1000000 ]
	then
		mkdir -p /dev/shm/po-unit.$$ && chmod 1777 /dev/shm/po-unit.$$ &&
		    TMPDIR=/dev/shm/po-unit.$$ "$@"
		status=$?
		rm -rf /dev/shm/po-unit.$$
		return "$status"
	fi
	"$@"
}

lane_gcc() {
	step build-gcc build gcc --enable-werror || return
	step second-make-builds-nothing builds_nothing_again
	check_step check-gcc "$work/gcc"
	tap_step install sh tests/lint/install "$work/gcc"
	# Two side by side: most of what these tests do is to wait.
	(cd tests/e2e && ls test_*.py) > "$work/e2e-files"
	# shellcheck disable=SC2046
	pytest_step e2e-odd e2e gcc $(sed -n 'p;n' "$work/e2e-files") &
	odd=$!
	# shellcheck disable=SC2046
	pytest_step e2e-even e2e gcc $(sed -n 'n;p' "$work/e2e-files")
	wait "$odd"
}

lane_others() {
	step build-sanitizers build sanitizers --enable-werror \
	    --enable-sanitizers &&
	    in_memory check_step check-sanitizers "$work/sanitizers"
	# Faults are put between a program and the C library it is linked to, and
	# their places are named by functions.
	step build-clang build clang --enable-werror CC=clang \
	    CFLAGS="-g -O2 -fno-inline -fno-optimize-sibling-calls" \
	    --disable-static-sendmail && {
		in_memory check_step check-clang "$work/clang"
		pytest_step fault fault clang
	}
	step distcheck distcheck
	! git rev-parse --git-dir > /dev/null 2>&1 ||
	    step tarball-is-complete tarball_is_complete
}

lane_long() {
	PO_TEST_LONG=1 PO_TEST_PAIRS=10000
	export PO_TEST_LONG PO_TEST_PAIRS
	pytest_step e2e-long e2e gcc test_stdin.py test_template_pairs.py \
	    -k "2_GB or django"
	pytest_step fault-long fault clang
	valgrind_wrapper &&
	    check_step check-valgrind "$work/gcc" "LOG_COMPILER=$work/valgrind"
	step cppcheck analysis
	step build-fuzzing build fuzzing --enable-werror --enable-fuzzing \
	    CC=clang || return
	tap_step fuzz fuzz 10
}

# -------------------------------------------------------------------- main

# One function: the shell has read all of it before it begins, whatever
# becomes of this file meanwhile.
main() {
	rm -rf "$work"
	mkdir -p "$results" || exit 1
	before=$(git status --porcelain 2> /dev/null)

	set -- etc/build-packages tests/packages
	[ "$long" = no ] || set -- "$@" tests/packages-long
	step packages sh etc/install-packages "$@"
	if step autoreconf autoreconf -fi; then
		lane_gcc &
		lanes=$!
		lane_others &
		lanes="$lanes $!"
		wait
		lanes=
		[ "$long" = no ] || lane_long
		if [ "$(git status --porcelain 2> /dev/null)" = "$before" ]; then
			step tree-is-clean true
		else
			step tree-is-clean git status --porcelain
		fi
	fi

	cat "$results"/* | awk '
		{ passed += $1; failed += $2; skipped += $3 }
		END {
			line = sprintf("%d passed, %d failed", passed, failed)
			if (skipped > 0)
				line = sprintf("%s, %d skipped", line, skipped)
			print line
			exit (failed > 0 || passed == 0)
		}'
}

main; exit
