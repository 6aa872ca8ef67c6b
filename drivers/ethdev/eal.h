/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * EAL: starts DPDK's environment with what the user gave and what we need besides.
 * Main thread, once per process.
 */
#pragma once
#include "drivers/ethdev/port_name.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum dps_eal_limits {
	DPS_EAL_ARGUMENTS_MAX = 64,
	DPS_EAL_LINE_BYTES = 2048,
};

struct dps_eal_config {
	const char *program; /* argv[0] */
	char *const *user;   /* what stood to the left of `--` */
	unsigned int user_count;
	const struct dps_port_name *ports; /* the DPDK ports that will be opened */
	unsigned int ports_count;
	/* What dps_port_ops.allocate will be asked for, all ports together. */
	size_t memory_bytes;
	/* Hugepages are not even tried, unless user says otherwise. */
	bool is_ordinary;
	/* EAL lcores besides the main one; lane i runs on lcore i + 1. */
	unsigned int lanes_count;
	const char
		*cores; /* "2,4-6": pins lanes to these CPUs; NULL: all float over the affinity */
	/*
	 * Gets every line that DPDK logs, without its newline; level as in <syslog.h>. NULL:
	 * warnings and worse go to stderr. Any thread.
	 */
	void (*on_log)(void *context, int level, const char *line);
	void *log_context;
};

struct dps_eal {
	char line[DPS_EAL_LINE_BYTES]; /* all arguments, for the log */
	bool has_hugepages;
};

/*
 * Starts EAL. Returns 0 or -errno; why then says what failed and what to do. EAL can be started
 * only once, so hugepages are tried before and not while: none or too few mean ordinary pages.
 * -ERESTART: somebody took them in between. This process has no EAL any more; the next one may
 * have, with is_ordinary.
 */
int dps_eal_start(struct dps_eal *eal, const struct dps_eal_config *config, char *why,
		  size_t why_bytes);

/* After every port is closed. */
void dps_eal_stop(void);

/* The arguments that dps_eal_start() would use, for `--help`, logs and tests; touches nothing. */
struct dps_eal_arguments {
	char *items[DPS_EAL_ARGUMENTS_MAX + 1];
	unsigned int count;
	size_t used;
	char text[8192];
};

int dps_eal_build(struct dps_eal_arguments *arguments, const struct dps_eal_config *config,
		  bool has_hugepages, const char *prefix, char *why, size_t why_bytes);

/* Whether bytes of hugepages, of 2 MiB or 1 GiB, can be had now; takes them for a moment. */
bool dps_eal_try_hugepages(size_t bytes);
