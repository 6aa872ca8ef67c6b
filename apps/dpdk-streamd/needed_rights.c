/* SPDX-License-Identifier: BSD-3-Clause */
#include "apps/dpdk-streamd/needed_rights.h"
#include <linux/capability.h>

/* Sockets that stay open need nothing; what a device's driver does, and its end, may. */
static dps_rights of_port(const struct dps_needed_rights *needs)
{
	const dps_rights bpf = DPS_RIGHT(needs->has_bpf_right ? CAP_BPF : CAP_SYS_ADMIN);
	const dps_rights device =
		DPS_RIGHT(CAP_NET_ADMIN) | DPS_RIGHT(CAP_NET_RAW) | DPS_RIGHT(CAP_IPC_LOCK);

	switch (needs->port) {
	case DPS_PORT_MEMIF:
		/* The server's socket, at each attempt, may be another user's. */
		return needs->is_collector ? DPS_RIGHT(CAP_DAC_OVERRIDE) : 0;
	case DPS_PORT_AF_XDP: /* takes its program off the interface */
		return DPS_RIGHT(CAP_NET_ADMIN) | DPS_RIGHT(CAP_NET_RAW) | bpf;
	case DPS_PORT_PCI: /* maps memory, and mlx5 makes queues and rules, while it runs */
		return device;
	case DPS_PORT_VDEV: /* any of DPDK's */
		return device | bpf;
	case DPS_PORT_AF_PACKET:
	case DPS_PORT_UDP:
		break;
	}
	return 0;
}

dps_rights dps_needed_rights_of(const struct dps_needed_rights *needs)
{
	dps_rights rights = of_port(needs);

	if (needs->reads_files)
		rights |= DPS_RIGHT(CAP_DAC_READ_SEARCH);
	/* Into whosever folders; over whosever files with --overwrite; SQLite keeps its owner. */
	if (needs->writes_files)
		rights |=
			DPS_RIGHT(CAP_DAC_OVERRIDE) | DPS_RIGHT(CAP_FOWNER) | DPS_RIGHT(CAP_CHOWN);
	if (needs->uses_strangers)
		rights |= DPS_RIGHT(CAP_DAC_OVERRIDE) | DPS_RIGHT(CAP_CHOWN);
	/* It may have become another user, and is ended all the same. */
	if (needs->has_command)
		rights |= DPS_RIGHT(CAP_KILL);
	return rights;
}
