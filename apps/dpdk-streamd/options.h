/* SPDX-License-Identifier: BSD-3-Clause */
/* Options: the command line of dpdk-streamd as a struct. */
#pragma once
#include "drivers/aead/aead.h"
#include "drivers/control/endpoint.h"
#include "drivers/log/log.h"
#include "drivers/trust/fingerprint.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum dps_options_limits {
	DPS_OPTIONS_ERROR_BYTES = 1024,
	DPS_OPTIONS_LOG_LEVELS_MAX = 16,
	DPS_OPTIONS_PEER_KEYS_MAX = 16,
};

#define DPS_FOREVER_NS UINT64_MAX

enum dps_command {
	DPS_COMMAND_EXPORT,
	DPS_COMMAND_COLLECT,
	DPS_COMMAND_HELP,
	DPS_COMMAND_VERSION,
	DPS_COMMAND_KEYGEN,
	DPS_COMMAND_FINGERPRINT,
};

enum dps_congestion_name {
	DPS_CC_FAIR,
	DPS_CC_FIXED,
};

/* Texts point into argv; NULL or 0 where an option was not given and has no default. */
struct dps_options {
	enum dps_command command;
	enum dps_command help_of; /* HELP for all */
	char *const *eal;	  /* what stood to the left of `--` */
	unsigned int eal_count;

	/* Both commands. */
	const char *port; /* for dps_port_name_parse */
	const char *ip;	  /* for dps_subnet_parse */
	enum dps_congestion_name cc;
	uint64_t rate_bits_per_s; /* 0: no limit */
	uint64_t mtu;		  /* 0: the port's own */
	uint64_t window_bytes;
	uint64_t ring_bytes; /* at least window + chunk + one packet's envelope, whatever was given
			      */
	uint64_t live_ring_bytes; /* of a live source: as --ring says, or its own default */
	uint64_t chunk_bytes;	  /* a power of two */
	uint64_t lanes;
	uint64_t stripes;
	uint64_t vlan; /* 0: untagged */
	const char *cores;
	bool wants_ordinary_memory; /* no word says it: see start_again.h */
	uint64_t connect_timeout_ns;
	uint64_t reconnect_timeout_ns; /* DPS_FOREVER_NS */
	uint64_t idle_timeout_ns;
	uint64_t keep_partial_ns;  /* collect */
	uint64_t space_timeout_ns; /* collect; DPS_FOREVER_NS */
	uint64_t grace_ns;
	const char *state; /* NULL: the default folder of the user */
	bool is_clear;
	enum dps_aead_cipher cipher;
	bool trusts_on_first_use;
	struct dps_fingerprint peer_keys[DPS_OPTIONS_PEER_KEYS_MAX]; /* only these, if any */
	unsigned int peer_keys_count;
	const char *ca; /* files in PEM, for those who have an authority */
	const char *crl;
	const char *cert;
	const char *key; /* of cert */
	bool is_json;
	bool is_quiet;
	const char *log_levels[DPS_OPTIONS_LOG_LEVELS_MAX]; /* for dps_log_set_level, in order */
	unsigned int log_levels_count;
	const char *stats_file;
	const char *impair; /* for dps_impair_parse */

	/* export */
	struct dps_endpoint_name to;
	char **paths;
	unsigned int paths_count;
	bool reads_stdin; /* the one path is `-` */
	const char *name; /* for what has none of its own, or a FIFO: the one path may be a file */
	const char *exec; /* a command whose output is sent */
	bool is_new;
	bool has_generate;
	uint64_t generate_bytes;
	uint64_t generate_seed;

	/* collect */
	const char *into; /* NULL only with discard */
	struct dps_endpoint_name control;
	bool is_once;
	bool may_overwrite;
	const char *stage;
	bool verifies_disk;
	bool is_discard;
};

/*
 * Reads the command line. False: error is one sentence, and the exit status is 2; nothing
 * to give back. Touches no file and asks no one; argv must outlive options.
 */
bool dps_options_parse(struct dps_options *options, int argc, char *const *argv,
		       char error[DPS_OPTIONS_ERROR_BYTES]);
void dps_options_fini(struct dps_options *options);

/* What --help says; of is EXPORT, COLLECT, or anything else for both. */
void dps_options_print_help(FILE *file, enum dps_command of);
