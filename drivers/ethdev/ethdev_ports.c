/* SPDX-License-Identifier: BSD-3-Clause */
/* Ethdev ports: what a program with endpoints calls to have its ports over DPDK. */
#include "drivers/ethdev/eal.h"
#include "drivers/ethdev/ethdev_port.h"
#include "drivers/ports.h"
#include <dps/ethdev.h>
#include <dps/version.h>
#include <errno.h>
#include <rte_lcore.h>
#include <stdio.h>

enum {
	UDP_PORT = 7420,
	/* An endpoint allocates so often, and each time from the next 2 MiB on. */
	ALLOCATIONS = 3,
	ALIGNMENT_BYTES = 2 << 20,
};

/* Its lcores are what EAL counts first, whoever started it. */
static bool is_running(void)
{
	return rte_lcore_count() > 0;
}

static size_t with_gaps(size_t bytes)
{
	return bytes + (size_t)ALLOCATIONS * ALIGNMENT_BYTES;
}

/* The ports of these endpoints that are DPDK's, and what they will allocate. */
static int add_endpoints(const struct dps_ethdev_start *start, struct dps_port_name *names,
			 struct dps_eal_config *eal, char *why)
{
	for (unsigned int i = 0; i < start->endpoints_count; i++) {
		const struct dps_endpoint_config *config = start->endpoints[i];
		struct dps_port_name *name = &names[eal->ports_count];
		int result = dps_port_name_parse(name, config->port, why, DPS_ENDPOINT_WHY_BYTES);

		if (result < 0)
			return result;
		if (name->kind == DPS_PORT_UDP)
			continue;
		eal->ports_count++;
		eal->memory_bytes += with_gaps(dps_endpoint_port_bytes(config));
	}
	return 0;
}

static int start_eal(const struct dps_eal_config *config, char *why, size_t why_bytes)
{
	static struct dps_eal eal; /* of the process, as EAL is */

	return dps_eal_start(&eal, config, why, why_bytes);
}

/* NULL, or what does not make sense of it. */
static const char *judge(const struct dps_ethdev_start *start)
{
	if (start == NULL)
		return "it has to be said what EAL is started with (NULL)";
	if (start->endpoints_count > DPS_ETHDEV_ENDPOINTS_MAX)
		return "EAL is started for at most 16 endpoints";
	if ((start->endpoints == NULL && start->endpoints_count > 0) ||
	    (start->arguments == NULL && start->arguments_count > 0))
		return "there are fewer endpoints or arguments than their count says (NULL)";
	for (unsigned int i = 0; i < start->endpoints_count; i++)
		if (start->endpoints[i] == NULL || start->endpoints[i]->port == NULL)
			return "each endpoint has a port (NULL)";
	return NULL;
}

int dps_ethdev_start(const struct dps_ethdev_start *start, char why[DPS_ENDPOINT_WHY_BYTES])
{
	struct dps_port_name names[DPS_ETHDEV_ENDPOINTS_MAX];
	char unheard[DPS_ENDPOINT_WHY_BYTES];
	const char *wrong = judge(start);
	struct dps_eal_config eal = { .program = "dpdk-stream", .ports = names };
	int result;

	_Static_assert(DPS_ETHDEV_ENDPOINTS_MAX == 16, "as judge() says");
	why = why != NULL ? why : unheard;
	if (wrong != NULL) {
		snprintf(why, DPS_ENDPOINT_WHY_BYTES, "%s", wrong);
		return -EINVAL;
	}
	eal.user = start->arguments;
	eal.user_count = start->arguments_count;
	eal.on_log = start->on_log;
	eal.log_context = start->log_context;
	if (is_running()) {
		snprintf(why, DPS_ENDPOINT_WHY_BYTES, "DPDK's EAL runs already in this process");
		return -EALREADY;
	}
	result = add_endpoints(start, names, &eal, why);
	return result < 0 ? result : start_eal(&eal, why, DPS_ENDPOINT_WHY_BYTES);
}

void dps_ethdev_stop(void)
{
	if (is_running())
		dps_eal_stop();
}

/* ---- what an endpoint calls ---- */

/* As much as this port needs; a program that will have more starts EAL itself. */
static int start_for(const struct dps_port_wish *wish, const struct dps_port_name *name, char *why,
		     size_t why_bytes)
{
	const struct dps_eal_config eal = {
		.program = "dpdk-stream",
		.ports = name,
		.ports_count = 1,
		.memory_bytes = with_gaps(wish->memory_bytes),
	};

	return is_running() ? 0 : start_eal(&eal, why, why_bytes);
}

static int open_port(const struct dps_port_wish *wish, struct dps_port **port, char *why,
		     size_t why_bytes)
{
	struct dps_port_name name;
	struct dps_ethdev_config config = {
		.name = &name,
		.is_server = wish->is_server,
		.keeps_heap = true,
		.vlan = wish->vlan,
		.mtu = wish->mtu,
		.udp_port = UDP_PORT,
		.is_sealed = wish->is_sealed,
	};
	int result = dps_port_name_parse(&name, wish->name, why, why_bytes);

	if (result == 0 && wish->ip)
		result = dps_subnet_parse(&config.subnet, wish->ip, why, why_bytes);
	if (result == 0)
		result = start_for(wish, &name, why, why_bytes);
	return result < 0 ? result : dps_ethdev_open(port, &config, why, why_bytes);
}

const struct dps_ports *dps_ethdev_ports(void)
{
	static const struct dps_ports ports = {
		.version = DPS_VERSION_NUMBER,
		.open = open_port,
	};

	return &ports;
}
