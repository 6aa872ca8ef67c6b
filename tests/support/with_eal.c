/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/support/with_eal.h"
#include "drivers/ethdev/eal.h"
#include "tests/support/cmocka.h"
#include <errno.h>

int with_eal_start(void **state)
{
	struct dps_eal_config config = {
		.program = program_invocation_short_name,
		.memory_bytes = 256 << 20,
		/* Hugepages are the machine's, and may be another's at any time. */
		.is_ordinary = true,
	};
	struct dps_eal eal;
	char why[512];

	(void)state;
	if (dps_eal_start(&eal, &config, why, sizeof(why)) == 0)
		return 0;
	print_error("%s\n", why);
	return -1;
}

int with_eal_stop(void **state)
{
	(void)state;
	dps_eal_stop();
	return 0;
}
