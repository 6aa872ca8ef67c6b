/* SPDX-License-Identifier: BSD-3-Clause */
#include "drivers/ethdev/eal_lane.h"
#include <errno.h>
#include <rte_launch.h>
#include <rte_lcore.h>
#include <rte_version.h>

struct launch {
	void (*run)(void *context);
	void *context;
};

static struct launch launches[RTE_MAX_LCORE];

static int start(void *context)
{
	const struct launch *launch = context;

	launch->run(launch->context);
	return 0;
}

int dps_eal_launch(unsigned int lane, void (*run)(void *context), void *context)
{
	unsigned int lcore, count = 0;

	RTE_LCORE_FOREACH_WORKER(lcore)
	{
		if (count++ != lane)
			continue;
		launches[lcore] = (struct launch){ .run = run, .context = context };
		return rte_eal_remote_launch(start, &launches[lcore], lcore);
	}
	return -ENODEV;
}

void dps_eal_join(void)
{
	rte_eal_mp_wait_lcore();
}

const char *dps_eal_version(void)
{
	return rte_version();
}
