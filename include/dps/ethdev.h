/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Ethdev: ports over DPDK for endpoints (<dps/endpoint.h>), in a library of its own: this one needs
 * DPDK, the other does not.
 *
 *     config.port = "memif:/run/me/link.sock";
 *     config.ports = dps_ethdev_ports();
 *
 * DPDK's environment, EAL, is started once in the life of a process, by who is first: the program
 * with rte_eal_init, the program with dps_ethdev_start, or the first endpoint that opens such a
 * port, with what that one needs. Without hugepages ordinary memory does, unless the port is a NIC.
 *
 * Names: memif:SOCKET (another process of this machine), af_packet:INTERFACE,
 * af_xdp:INTERFACE, pci:ADDRESS, vdev:STRING (as EAL takes it), and udp[:ADDRESS] as ever. A memif
 * link is made by the endpoint that listens, and looked for by the one that dials only, each as
 * often as the other comes and goes. Both copy what they send: neither sees the other's memory.
 *
 * Owner: the main thread, but for dps_ethdev_ports, which is any thread's. An endpoint with such a
 * port is opened and polled in the thread that started EAL, or in one of EAL's
 * (rte_thread_register): others take longer for each packet.
 */
#pragma once
#include <dps/endpoint.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

enum dps_ethdev_sizes {
	DPS_ETHDEV_ENDPOINTS_MAX = 16,
};

/* What EAL is started with. */
struct dps_ethdev_start {
	/* That will be opened, with their ports: each gets memory. May be NULL: none is known. */
	const struct dps_endpoint_config *const *endpoints;
	unsigned int endpoints_count;
	/* EAL's, as they stand behind a program's name; they win over ours. May be NULL. */
	char *const *arguments;
	unsigned int arguments_count;
	/*
	 * Gets every line that DPDK logs, without its newline; level as in <syslog.h>; any thread.
	 * NULL: warnings and worse go to standard error.
	 */
	void (*on_log)(void *context, int level, const char *line);
	void *log_context;
};

/*
 * Starts EAL. Nothing is kept but on_log. Errors: -EALREADY it runs; -EINVAL a port or argument
 * that cannot be, or is not there (NULL); -ERESTART hugepages were lost to another process
 * meanwhile, start the program again; -errno, each with a sentence; why may be NULL. After one that
 * came from EAL it cannot be started again.
 */
int dps_ethdev_start(const struct dps_ethdev_start *start, char why[DPS_ENDPOINT_WHY_BYTES]);

/*
 * Ends EAL, when all endpoints with such ports are closed, whoever started it: in place of
 * rte_eal_cleanup, which a memif peer that leaves at that moment would have crash. A program that
 * ends itself may leave it out.
 */
void dps_ethdev_stop(void);

/* For dps_endpoint_config.ports. */
const struct dps_ports *dps_ethdev_ports(void);

#ifdef __cplusplus
}
#endif
