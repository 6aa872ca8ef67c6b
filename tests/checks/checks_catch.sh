#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# Plants one fault of each kind in a small tree of its own: every check must see it, and must
# accept the tree without it.
# usage: checks_catch.sh TOOLS_CHECKS
set -euo pipefail
checks=$1
tree=$(mktemp -d "${TMPDIR:-/tmp}/dps-checks.XXXXXX")
trap 'rm -rf "$tree"' EXIT
failed=0

licence='/* SPDX-License-Identifier: BSD-3-Clause */'

# put FILE LINE...: writes a file of the tree.
put() {
	local file=$tree/$1

	shift
	mkdir -p "${file%/*}"
	printf '%s\n' "$licence" "$@" >"$file"
}

fresh() {
	rm -rf "${tree:?}"/*
	put include/dps/types.h '#pragma once' '#include <stdint.h>'
	put engine/pacer.h '#pragma once' '#include <dps/types.h>'
	put engine/pacer.c '#include "engine/pacer.h"' '#include <string.h>' \
		'const int table[] = { 1, 2 };' 'extern int pacer(void);' \
		'int pacer(void)' '{' '	return table[1];' '}'
	put drivers/port.h '#pragma once' '#include <dps/types.h>'
	put drivers/udp/udp.c '#include "drivers/port.h"' '#include "engine/pacer.h"' \
		'#include <sys/socket.h>'
	put apps/main.c '#include "drivers/port.h"' '#include <dps/types.h>'
	put tests/engine/test_pacer.c 'static void take__grants(void **state)' \
		'cmocka_unit_test(take__grants)'
	put engine/flag.c '#include <stdatomic.h>' 'void raise(_Atomic int *flag);' \
		'void raise(_Atomic int *flag)' '{' \
		'	atomic_store_explicit(flag, 1, memory_order_release);' '}'
	put docs/orders.md '| `flag` | `WEAK_RAISE` | `engine/flag.c raise` | release of `flag` | |'
	put tests/spin/flag.pml '/*' ' * weak: WEAK_RAISE' ' *' ' * raise() it.' ' */' \
		'init { skip } /* WEAK_RAISE */'
	put docs/contract.md '| E1 | a | b | `engine/pacer take__grants` |'
	for ((n = 2; n <= 54; n++)); do
		echo "| E$n | a | not in this release | |" >>"$tree/docs/contract.md"
	done
	put include/dps/take.h '#pragma once' '' '/* dps_none(void). Errors: -EINVAL. */' \
		'int dps_take(int count,' '	     int more);'
	put docs/man/dps_take.3.scd '' '*#include <dps/take.h>*' '' '# DESCRIPTION' '' \
		'int *dps_take*(int count, int more);' '' 'Takes. Errors: -EINVAL.'
	put docs/security.md '## Attacks' '| attack | held by |' '|---|---|' \
		'| theft | `engine/pacer take__grants` |' '## Else' '| none | |'
}

# compile: makes the library that check-pure looks at.
compile() {
	(cd "$tree" && "${CC:-cc}" -I. -Iinclude -O2 -c engine/pacer.c -o pacer.o &&
		ar rc engine.a pacer.o && rm pacer.o)
}

# accepts CHECK / catches CHECK WHAT
accepts() {
	local argument=$tree output

	[[ $1 == check-pure ]] && compile && argument=$tree/engine.a
	if ! output=$("$checks/$1" "$argument" 2>&1); then
		echo "$1 refuses a tree without faults: $output"
		failed=1
	fi
}

catches() {
	local argument=$tree

	[[ $1 == check-pure ]] && compile && argument=$tree/engine.a
	if "$checks/$1" "$argument" >/dev/null 2>&1; then
		echo "$1 does not see $2"
		failed=1
	fi
}

fresh
for check in check-layers check-headers check-text check-long check-contract check-orders \
	check-man check-pure; do
	accepts "$check"
done

put engine/pacer.c '#include "drivers/port.h"'
catches check-layers 'an engine that includes a driver'
put engine/pacer.c '#include <time.h>'
catches check-layers 'an engine that includes <time.h>'
fresh
put apps/main.c '#include "engine/pacer.h"'
catches check-layers 'an app that includes the engine'
fresh
put drivers/port.h '#pragma once' '#include "engine/pacer.h"'
catches check-layers 'an app that sees the engine through a driver'
put drivers/port.h '#pragma once' '#include "engine/bits.h"'
put engine/bits.h '#pragma once' '#include <stdint.h>'
accepts check-layers
fresh
put drivers/udp/udp.c '#include "drivers/ethdev/ethdev.h"'
catches check-layers 'a driver that includes one of another kind'
fresh
put drivers/udp/udp.c '#include "apps/main.h"'
catches check-layers 'a driver that includes an app'
fresh
put drivers/udp/udp.c '#include "udp.h"'
catches check-layers 'an include that does not show its layer'
fresh
put include/dps/types.h '#include <unistd.h>'
catches check-layers 'a public header that includes <unistd.h>'

fresh
put engine/pacer.c '#include <stdlib.h>' 'void *take(void);' \
	'void *take(void) { return malloc(1); }'
catches check-pure 'an engine that allocates'
put engine/pacer.c 'int count(void);' 'int count(void) { static int n; return ++n; }'
catches check-pure 'an engine that counts in a static variable'
put engine/pacer.c 'int last = 1;'
catches check-pure 'an engine with a global variable'

# calls FUNCTION: check-calls of a program that calls it.
calls() {
	put program.c "void $1(void);" 'int main(void);' 'int main(void)' "{ $1(); return 0; }"
	(cd "$tree" && "${CC:-cc}" -c program.c && ar rc program.a program.o)
	"$checks/check-calls" "$tree/stream.map" "$tree/engine.a" "$tree/program.a" >/dev/null 2>&1
}

fresh
put stream.map 'global:' '	dps_take;'
put engine/pacer.c 'int dps_take(void);' 'int dps_take(void) { return 0; }' \
	'int dps_give(void);' 'int dps_give(void) { return 0; }'
compile
calls dps_take || {
	echo 'check-calls refuses what any program can call'
	failed=1
}
! calls dps_give || {
	echo 'check-calls does not see a call of what only we have'
	failed=1
}
put stream.map
! calls dps_take || {
	echo 'check-calls does not see a map without names'
	failed=1
}

fresh
put engine/pacer.h '#pragma once' 'uint32_t take(void);'
catches check-headers 'a header that lacks an include'
fresh
put include/dps/types.h '#pragma once' 'struct dps_class { int class; };'
catches check-headers 'a public header that is not C++'

fresh
printf 'int x;\n' >"$tree/apps/main.c"
catches check-text 'a file without its licence'
fresh
put apps/main.c '/* TO''DO: the rest */'
catches check-text 'a note to finish it later'

fresh
yes 'int x;' 2>/dev/null | head -n 1100 >>"$tree/apps/main.c" || true
catches check-long 'a file of 1100 lines'


fresh
put include/dps/give.h '#pragma once' 'void dps_give(void);'
catches check-man 'a public function that no page has'
fresh
put docs/man/dps_take.3.scd '' 'int *dps_take*(int count);' ''
catches check-man 'a page that has a function otherwise than its header'
fresh
put docs/man/dps_give.3.scd '' 'void *dps_give*(void);' ''
catches check-man 'a page of a function that is gone'
fresh
put docs/man/dps_more.3.scd '' 'int *dps_take*(int count, int more);' ''
catches check-man 'a function in two pages'
fresh
put include/dps/take.h '#pragma once'
catches check-man 'headers without any function'
fresh
sed -i 's/Errors: -EINVAL/Errors: -EINVAL, -ENOENT/' "$tree/include/dps/take.h"
catches check-man 'an error that the page does not have'
fresh
sed -i 's/Errors: -EINVAL/Errors: -EINVAL, -ENOENT/' "$tree/docs/man/dps_take.3.scd"
catches check-man 'an error that the header does not have'
fresh
sed -i '/#include/d' "$tree/docs/man/dps_take.3.scd"
catches check-man 'a header that is in no synopsis'
fresh
put include/dps/error.h '#pragma once' '#include <errno.h>' 'enum dps_error_kind {' '	DPS_ERROR_FULL = EAGAIN,' '};'
catches check-man 'a kind of error that is in no table'
put docs/man/dps_errors.3.scd '' '# DESCRIPTION' '' '|  full' ':  EAGAIN' ':  no room'
accepts check-man

fresh
sed -i 's/^| E7 |.*/| E7 | a | b | |/' "$tree/docs/contract.md"
catches check-contract 'a case without a test'
fresh
sed -i '/^| E8 |/d' "$tree/docs/contract.md"
catches check-contract 'a case that is missing'
fresh
sed -i 's/^| E9 |.*/&\n&/' "$tree/docs/contract.md"
catches check-contract 'a case with two rows'
fresh
echo '| their test | what it asserts | `engine/pacer take__never` |' >>"$tree/docs/contract.md"
catches check-contract 'another table that names a test that is not there'
fresh
echo '| their test | `what` it asserts | `engine/pacer take__grants` `engine/pacer` |' >>"$tree/docs/contract.md"
catches check-contract 'another table that names a program alone'
fresh
echo '| their test | `what` it asserts | `engine/pacer take__grants` |' >>"$tree/docs/contract.md"
accepts check-contract
fresh
sed -i '/cmocka_unit_test/d' "$tree/tests/engine/test_pacer.c"
catches check-contract 'a test that nobody runs'
fresh
put tests/engine/test_pacer.c 'static void take__gives(void **state)' 'cmocka_unit_test(take__gives)'
catches check-contract 'a test that is gone'

fresh
sed -i 's/^| theft .*/| theft | patience |/' "$tree/docs/security.md"
catches check-contract 'an attack without a test'
fresh
sed -i 's/^| theft .*/| theft | `engine\/pacer take__never` |/' "$tree/docs/security.md"
catches check-contract 'an attack held by a test that is not there'

fresh
put engine/flag.c 'void lift(_Atomic int *flag)' '{' '}'
catches check-orders 'a function that is gone'
fresh
sed -i 's/_release/_relaxed/' "$tree/engine/flag.c"
catches check-orders 'an order that is gone'
fresh
sed -i 's/release of `flag`/release of `flags`/' "$tree/docs/orders.md"
catches check-orders 'a variable that is gone'
fresh
put engine/pacer.c 'void lower(_Atomic int *flag)' '{' '	atomic_store(flag, 0);' '}'
catches check-orders 'an atomic operation without a row'
fresh
sed -i 's/weak: WEAK_RAISE/weak: WEAK_OTHER/' "$tree/tests/spin/flag.pml"
catches check-orders 'a weak name that is gone'
fresh
sed -i 's/raise()/lower()/' "$tree/tests/spin/flag.pml"
catches check-orders 'a model that speaks of what is gone'

exit "$failed"
