/* SPDX-License-Identifier: BSD-3-Clause */
#include "apps/dpdk-streamd/node_port.h"
#include "drivers/ethdev/eal.h"
#include "drivers/ethdev/ethdev_port.h"
#include "drivers/impair/impair.h"
#include "drivers/log/log.h"
#include "drivers/udp/udp.h"
#include "drivers/udp/udp_name.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>

enum {
	EAL_SPARE_BYTES = 48 << 20, /* packet pools, rings and EAL's own */
	EAL_LANE_BYTES = 16 << 20,  /* ... of each lane more */
};

static void on_dpdk_log(void *context, int level, const char *line)
{
	enum dps_log_level to = level <= LOG_ERR       ? DPS_LOG_ERROR
				: level <= LOG_WARNING ? DPS_LOG_WARNING
				: level <= LOG_NOTICE  ? DPS_LOG_INFO
						       : DPS_LOG_DEBUG;

	(void)context;
	dps_log("dpdk", to, "%s", line);
}

static int start_eal(const struct dps_options *options, const char *program,
		     const struct dps_port_name *name, size_t memory_bytes, char *why,
		     size_t why_bytes)
{
	static struct dps_eal eal;
	const struct dps_eal_config config = {
		.program = program,
		.user = options->eal,
		.user_count = options->eal_count,
		.ports = name,
		.ports_count = 1,
		.memory_bytes = memory_bytes * options->lanes + EAL_SPARE_BYTES +
				EAL_LANE_BYTES * (options->lanes - 1),
		.is_ordinary = options->wants_ordinary_memory,
		.lanes_count = (unsigned int)options->lanes,
		.cores = options->cores,
		.on_log = on_dpdk_log,
	};
	int result = dps_eal_start(&eal, &config, why, why_bytes);

	if (result == 0)
		dps_log("eal", DPS_LOG_NOTICE, "%s; arguments: %s",
			eal.has_hugepages ? "hugepages of 2 MiB"
					  : "no hugepages to be had, using ordinary memory",
			eal.line);
	return result;
}

static int open_ethdev(struct dps_node_port *port, const struct dps_options *options,
		       const char *program, const struct dps_port_name *name, size_t memory_bytes,
		       char *why, size_t why_bytes)
{
	struct dps_ethdev_config config = {
		.name = name,
		.is_server = options->command == DPS_COMMAND_EXPORT,
		.vlan = (uint16_t)options->vlan,
		.mtu = (uint32_t)options->mtu,
		.udp_port = DPS_UDP_PORT_DEFAULT,
		.queues = (uint16_t)options->lanes,
		.is_sealed = !options->is_clear,
	};
	int result = 0;

	if (options->ip)
		result = dps_subnet_parse(&config.subnet, options->ip, why, why_bytes);
	if (result == 0)
		result = start_eal(options, program, name, memory_bytes, why, why_bytes);
	if (result < 0)
		return result;
	port->has_eal = true;
	result = dps_ethdev_open(port->ports, &config, why, why_bytes);
	if (result == 0)
		port->count = config.queues;
	memcpy(port->bare, port->ports, sizeof(port->bare));
	return result;
}

/*
 * Each lane has a port of its own, so that the kernel sorts its packets. Two processes on one
 * machine: whoever comes second takes any port; hello says which.
 */
static int open_socket(struct dps_udp_options *udp, uint32_t lane, struct dps_port **port)
{
	int result;

	udp->udp_port = (uint16_t)(DPS_UDP_PORT_DEFAULT + lane);
	result = dps_udp_open(udp, port);
	if (result != -EADDRINUSE)
		return result;
	udp->udp_port = 0;
	return dps_udp_open(udp, port);
}

/* What does not fit while the lane is busy is lost, and sent again. */
static void tell_of_small_buffer(const struct dps_port *port)
{
	uint32_t bytes = dps_udp_receive_buffer_bytes(port) / 2; /* the kernel doubles them */

	if (bytes < DPS_UDP_BUFFER_BYTES_DEFAULT)
		dps_log("udp", DPS_LOG_NOTICE,
			"the kernel gives %u KiB to receive into, and a fast peer may lose packets "
			"for it, which are sent again; `sysctl -w net.core.rmem_max=%u` lets it "
			"give more",
			bytes >> 10, DPS_UDP_BUFFER_BYTES_DEFAULT);
}

static int open_udp(struct dps_node_port *port, const struct dps_options *options,
		    const struct dps_port_name *name, char *why, size_t why_bytes)
{
	struct dps_udp_options udp = {
		.name = name->text,
		.mtu = (uint32_t)options->mtu,
	};
	int result = dps_udp_read_name(name->text, &udp.bind, why, why_bytes);

	if (result < 0)
		return result;
	for (; port->count < options->lanes; port->count++) {
		result = open_socket(&udp, port->count, &port->ports[port->count]);
		if (result < 0)
			break;
	}
	if (result == 0 && options->command == DPS_COMMAND_COLLECT)
		tell_of_small_buffer(port->ports[0]);
	if (result < 0)
		dps_udp_explain(name->text, result, why, why_bytes);
	return result;
}

static int impair(struct dps_node_port *port, const struct dps_options *options, uint64_t now_ns,
		  char *why, size_t why_bytes)
{
	struct dps_impair_options impairment;
	struct dps_port *outer;
	int result = dps_impair_parse(options->impair, &impairment, why, why_bytes);

	if (result < 0)
		return result;
	for (uint32_t i = 0; i < port->count; i++) {
		result = dps_impair_open(port->ports[i], &impairment, now_ns, &outer);
		if (result < 0) {
			snprintf(why, why_bytes, "--impair %s: not enough memory", options->impair);
			return result;
		}
		port->ports[i] = outer;
		impairment.seed++; /* each lane has its own luck */
	}
	port->is_impaired = true;
	dps_log("impair", DPS_LOG_NOTICE, "faults are injected: %s", options->impair);
	return 0;
}

int dps_node_port_open(struct dps_node_port *port, const struct dps_options *options,
		       const char *program, size_t memory_bytes, uint64_t now_ns, char *why,
		       size_t why_bytes)
{
	struct dps_port_name name;
	int result;

	memset(port, 0, sizeof(*port));
	result = dps_port_name_parse(&name, options->port, why, why_bytes);
	if (result < 0)
		return result;
	if (name.kind == DPS_PORT_UDP)
		result = open_udp(port, options, &name, why, why_bytes);
	else
		result = open_ethdev(port, options, program, &name, memory_bytes, why, why_bytes);
	port->faces_peer = name.kind == DPS_PORT_MEMIF;
	if (result == 0 && options->impair)
		result = impair(port, options, now_ns, why, why_bytes);
	if (result < 0)
		dps_node_port_close(port);
	return result;
}

void dps_node_port_close(struct dps_node_port *port)
{
	while (port->count > 0) {
		port->count--;
		port->ports[port->count]->ops->close(port->ports[port->count]);
	}
	if (port->has_eal)
		dps_eal_stop();
}
