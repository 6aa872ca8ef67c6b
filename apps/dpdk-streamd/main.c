/* SPDX-License-Identifier: BSD-3-Clause */
/* dpdk-streamd: moves capture files from an exporter to a collector. */
#include "apps/dpdk-streamd/collector.h"
#include "apps/dpdk-streamd/exporter.h"
#include "apps/dpdk-streamd/key_commands.h"
#include "apps/dpdk-streamd/peer_trust.h"
#include "apps/dpdk-streamd/start_again.h"
#include "drivers/ethdev/eal_lane.h"
#include "drivers/log/log.h"
#include "drivers/privilege/dump.h"
#include <dps/version.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/resource.h>

enum {
	EXIT_STATUS_NOT_ALL = 1,
	EXIT_STATUS_USAGE = 2,
	EXIT_STATUS_REFUSED = 4,
	START_AGAIN = -1, /* no exit yet */
};

static int complain(const char *sentence, int status)
{
	fprintf(stderr, "dpdk-streamd: %s\n", sentence);
	return status;
}

static int print_version(void)
{
	printf("dpdk-streamd %s\n%s\nports: memif, af_packet, af_xdp, pci, vdev, udp\n"
	       "ciphers: aes-128-gcm, aes-256-gcm (intel-ipsec-mb%s, OpenSSL); CRC32C with "
	       "--clear\n",
	       DPS_VERSION_TEXT, dps_eal_version(), dps_aead_ipsec_mb() ? "" : " not here");
	return 0;
}

/* Each file that is being moved is open; the usual soft limit of 1024 is from another time. */
static void raise_descriptor_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
		dps_log("main", DPS_LOG_INFO, "the limit of open files stays as it is");
}

/* What is read once cannot be gone on with by another run: of a live source nothing is kept. */
static int open_mirror(struct dps_mirror *mirror, const struct dps_options *options, bool is_live)
{
	char sentence[DPS_MIRROR_SENTENCE_BYTES];
	int result;

	*mirror = (struct dps_mirror){ .lock_fd = -1 };
	if (is_live)
		return 0;
	result = dps_mirror_open(mirror, options, sentence);
	if (result < 0)
		return complain(sentence,
				result == -EBUSY ? EXIT_STATUS_REFUSED : EXIT_STATUS_USAGE);
	if (sentence[0])
		dps_log("export", DPS_LOG_WARNING,
			"%s: a restart of this command begins anew; see --state", sentence);
	return 0;
}

/* Nothing was read of a source yet; but a command of --exec is under way, and is not run twice. */
static bool can_start_again(const struct dps_options *options, int result)
{
	return result == -ERESTART && !options->wants_ordinary_memory && !options->exec;
}

static int fail_to_start(const struct dps_options *options, int result, const char *why)
{
	if (!can_start_again(options, result))
		return complain(why, EXIT_STATUS_USAGE);
	dps_log("eal", DPS_LOG_WARNING,
		"the hugepages that were free went to another process: starting again with "
		"ordinary memory");
	return START_AGAIN;
}

/* Who writes into a FIFO that nobody has open any more is ended. */
static void keep_reader(int fd)
{
	if (fd >= 0)
		(void)fcntl(fd, F_SETFD, 0);
}

static int run_export(const struct dps_options *options, struct dps_peer_trust *trust,
		      const char *program)
{
	char why[DPS_NODE_WHY_BYTES];
	struct dps_exporter_peer peer = { .trust = trust };
	struct dps_exporter_input input;
	struct dps_mirror mirror;
	struct dps_node *node;
	int result = dps_exporter_open_input(options, &input);

	if (result < 0)
		return result == -EEXIST || result == -EINVAL ? EXIT_STATUS_USAGE
							      : EXIT_STATUS_NOT_ALL;
	result = open_mirror(&mirror, options, input.live.fd >= 0);
	if (result == 0)
		result = dps_exporter_find_peer(options, &peer);
	if (result == 0) {
		result = dps_node_start(&node, options, &input.live, program, why);
		if (result < 0)
			result = fail_to_start(options, result, why);
		else
			result = dps_exporter_run(node, &input, &mirror, &peer);
	}
	if (result == START_AGAIN)
		keep_reader(input.live.fd);
	dps_mirror_close(&mirror);
	dps_exporter_close_input(&input);
	return result;
}

static int run_collect(const struct dps_options *options, struct dps_peer_trust *trust,
		       const char *program)
{
	const struct dps_live_input none = { .fd = -1 };
	char why[DPS_NODE_WHY_BYTES];
	struct dps_node *node;
	int result = dps_node_start(&node, options, &none, program, why);

	return result < 0 ? fail_to_start(options, result, why) : dps_collector_run(node, trust);
}

static int run(const struct dps_options *options, const char *program)
{
	char sentence[DPS_TRUST_SENTENCE_BYTES];
	struct dps_peer_trust trust;
	int status;

	for (unsigned int i = 0; i < options->log_levels_count; i++)
		if (dps_log_set_level(options->log_levels[i]) < 0)
			return complain("--log-level takes [NAME:]error|warning|notice|info|debug",
					EXIT_STATUS_USAGE);
	raise_descriptor_limit();
	if (options->is_clear)
		dps_log("main", DPS_LOG_NOTICE,
			"--clear: packets carry a checksum, and data are readable on the way");
	if (dps_peer_trust_open(&trust, options, sentence) < 0)
		return complain(sentence, EXIT_STATUS_USAGE);
	status = options->command == DPS_COMMAND_EXPORT ? run_export(options, &trust, program)
							: run_collect(options, &trust, program);
	dps_peer_trust_close(&trust);
	return status;
}

int main(int argc, char **argv)
{
	char error[DPS_OPTIONS_ERROR_BYTES];
	struct dps_options options;
	int status;
	bool is_second = dps_start_again_is_second();

	/* Before there is a key. A kernel that cannot is none that we run on. */
	(void)dps_dump_forbid();
	if (!dps_options_parse(&options, argc, argv, error))
		return complain(error, EXIT_STATUS_USAGE);
	options.wants_ordinary_memory = is_second;
	if (options.command == DPS_COMMAND_HELP) {
		dps_options_print_help(stdout, options.help_of);
		status = 0;
	} else if (options.command == DPS_COMMAND_VERSION) {
		status = print_version();
	} else if (options.command == DPS_COMMAND_KEYGEN ||
		   options.command == DPS_COMMAND_FINGERPRINT) {
		status = dps_key_command_run(&options);
	} else {
		status = run(&options, argv[0]);
	}
	dps_options_fini(&options);
	if (status == START_AGAIN) {
		status = EXIT_STATUS_USAGE;
		if (dps_start_again(argv) < 0)
			complain("cannot be started again: run the same command again", status);
	}
	return status;
}
