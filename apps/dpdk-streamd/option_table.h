/* SPDX-License-Identifier: BSD-3-Clause */
/* Option table: every option once; the parser and --help both read it. */
#pragma once
#include "apps/dpdk-streamd/options.h"

enum dps_option_commands {
	DPS_OPTION_EXPORT = 1 << DPS_COMMAND_EXPORT,
	DPS_OPTION_COLLECT = 1 << DPS_COMMAND_COLLECT,
	DPS_OPTION_BOTH = DPS_OPTION_EXPORT | DPS_OPTION_COLLECT,
	DPS_OPTION_KEYS = 1 << DPS_COMMAND_KEYGEN | 1 << DPS_COMMAND_FINGERPRINT,
	DPS_OPTION_ALL = DPS_OPTION_BOTH | DPS_OPTION_KEYS,
};

enum dps_option_kind {
	DPS_OPTION_FLAG, /* bool */
	DPS_OPTION_TEXT, /* const char *, not empty */
	DPS_OPTION_SIZE, /* these four: uint64_t within min..max */
	DPS_OPTION_RATE,
	DPS_OPTION_TIME,
	DPS_OPTION_NUMBER,
	DPS_OPTION_TIME_OR_FOREVER,
	DPS_OPTION_POWER, /* a size that is a power of two */
	DPS_OPTION_ONE,	  /* uint64_t; only 1 in this version */
	DPS_OPTION_CC,
	DPS_OPTION_VERIFY,  /* bool: against the disk */
	DPS_OPTION_CONNECT, /* struct dps_endpoint_name */
	DPS_OPTION_LISTEN,
	DPS_OPTION_CORES,
	DPS_OPTION_NAME,
	DPS_OPTION_GENERATE,
	DPS_OPTION_LOG_LEVEL,
	DPS_OPTION_CIPHER,   /* enum dps_aead_cipher */
	DPS_OPTION_PEER_KEY, /* may be repeated */
	DPS_OPTION_LATER,    /* known, and not in this version */
};

struct dps_option {
	const char *name; /* behind the two dashes; NULL ends the table */
	char letter;	  /* behind one dash, or 0 */
	uint8_t commands; /* bits of enum dps_option_commands */
	uint8_t required; /* the same */
	enum dps_option_kind kind;
	size_t offset; /* in struct dps_options */
	uint64_t min;
	uint64_t max;
	const char *argument; /* its name in --help, NULL for a flag */
	const char *initial;  /* the default, as a user would write it, or NULL */
	const char *help;
};

extern const struct dps_option dps_option_table[];

/* Where values go, and the sentence when one is wrong. */
struct dps_option_reader {
	struct dps_options *options;
	char *error; /* DPS_OPTIONS_ERROR_BYTES */
};

/* option_read.c: reads the value of an option (NULL for a flag) into options; false: see error. */
bool dps_option_read(struct dps_option_reader *reader, const struct dps_option *option,
		     const char *text);

/* Writes the sentence; returns false. */
bool dps_option_fail(struct dps_option_reader *reader, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
