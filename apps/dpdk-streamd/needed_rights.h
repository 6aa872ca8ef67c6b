/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Needed rights: which capabilities a program goes on needing once it has opened everything. Of
 * those it has, for the others it does without. docs/security.md has the table.
 */
#pragma once
#include "drivers/ethdev/port_name.h"
#include "drivers/privilege/rights.h"
#include <stdbool.h>

struct dps_needed_rights {
	enum dps_port_kind port;
	bool is_collector;
	bool reads_files;    /* export: not from a pipe nor from memory */
	bool writes_files;   /* collect: not --discard */
	bool has_command;    /* --exec */
	bool uses_strangers; /* a folder that it goes on writing to is another user's */
	bool has_bpf_right;  /* this kernel has CAP_BPF (5.8) */
};

dps_rights dps_needed_rights_of(const struct dps_needed_rights *needs);
