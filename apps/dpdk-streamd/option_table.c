/* SPDX-License-Identifier: BSD-3-Clause */
#include "apps/dpdk-streamd/option_table.h"
#include <dps/types.h>

#define AT(member) .offset = offsetof(struct dps_options, member)
#define BETWEEN(low, high) .min = (low), .max = (high)
#define EXPORT .commands = DPS_OPTION_EXPORT
#define COLLECT .commands = DPS_OPTION_COLLECT
#define BOTH .commands = DPS_OPTION_BOTH
#define KIND(word) .kind = DPS_OPTION_##word
#define K UINT64_C(1024)
#define DAY_NS (86400 * DPS_NS_PER_S)

/* In the order of --help. */
/* clang-format off */
const struct dps_option dps_option_table[] = {
	{ "to", EXPORT, .required = DPS_OPTION_EXPORT, KIND(CONNECT), AT(to),
	  .argument = "ADDR[:PORT]",
	  .help = "the collector: kernel TCP, port 7420 unless said, IPv6 in brackets" },
	{ "into", COLLECT, KIND(TEXT), AT(into), .argument = "DIR",
	  .help = "where files go; staging and journal are in DIR/.dpdk-streamd" },
	{ "control", COLLECT, .required = DPS_OPTION_COLLECT, KIND(LISTEN), AT(control),
	  .argument = "[ADDR]:PORT",
	  .help = "where exporters connect to: kernel TCP, usually :7420" },
	{ "port", BOTH, .required = DPS_OPTION_BOTH, KIND(TEXT), AT(port), .argument = "PORT",
	  .help = "what data runs over (UDP 7420): memif:SOCKET, af_packet:IFACE, af_xdp:IFACE, "
		  "pci:BDF, udp[:ADDR] or vdev:STRING" },
	{ "ip", BOTH, KIND(TEXT), AT(ip), .argument = "ADDR/LEN",
	  .help = "the DPDK port's own address; without it IPv6 link-local, from its MAC" },
	{ "once", COLLECT, KIND(FLAG), AT(is_once),
	  .help = "exit when the first accepted transfer has ended" },
	{ "overwrite", COLLECT, KIND(FLAG), AT(may_overwrite),
	  .help = "replace files that exist with other content, instead of refusing them" },
	{ "stage", COLLECT, KIND(TEXT), AT(stage), .argument = "DIR",
	  .help = "staging and journal here, on the file system of --into" },
	{ "keep-partial", COLLECT, KIND(TIME), AT(keep_partial_ns), BETWEEN(0, 3650 * DAY_NS),
	  .argument = "TIME", .initial = "7d",
	  .help = "how long what came of a transfer is kept for the exporter to go on with" },
	{ "verify", COLLECT, KIND(VERIFY), AT(verifies_disk), .argument = "digests|disk",
	  .initial = "digests",
	  .help = "what a file's digest is compared with before it is stored: what was received, or, "
		  "read once more, what the disk gives back" },
	{ "discard", COLLECT, KIND(FLAG), AT(is_discard),
	  .help = "for measuring: receive and verify, store nothing" },
	{ "name", EXPORT, KIND(NAME), AT(name), .argument = "NAME",
	  .help = "what the file is called that `-` (standard input), a FIFO, --exec or --generate "
		  "makes" },
	{ "exec", EXPORT, KIND(TEXT), AT(exec), .argument = "COMMAND",
	  .help = "send what `/bin/sh -c COMMAND` writes, as --name; its exit status 0 is the end, "
		  "any other fails the file" },
	{ "new", EXPORT, KIND(FLAG), AT(is_new), .help = "do not continue an earlier transfer" },
	{ "generate", EXPORT, KIND(GENERATE), AT(generate_bytes), .argument = "SIZE[:SEED]",
	  .help = "for measuring: send bytes made in memory instead of files" },
	{ "cc", BOTH, KIND(CC), AT(cc), .argument = "fair|fixed", .initial = "fair",
	  .help = "congestion control: fair shares (CUBIC), fixed keeps to --rate" },
	{ "rate", BOTH, KIND(RATE), AT(rate_bits_per_s),
	  BETWEEN(1000, UINT64_C(10000000000000)), .argument = "RATE",
	  .help = "send no faster (default: as fast as --cc allows)" },
	{ "mtu", BOTH, KIND(NUMBER), AT(mtu), BETWEEN(1280, 16500), .argument = "BYTES",
	  .help = "largest IP packet (default: the port's; memif 9000)" },
	{ "window", BOTH, KIND(SIZE), AT(window_bytes), BETWEEN(64 * K, 16 * K * K * K),
	  .argument = "SIZE", .initial = "64M", .help = "most bytes a sender may be ahead" },
	{ "ring", BOTH, KIND(SIZE), AT(ring_bytes), BETWEEN(64 * K, 32 * K * K * K),
	  .argument = "SIZE", .initial = "64M",
	  .help = "most bytes kept for repair, and of a live source (default there: 256M) until they "
		  "are stored; never less than window + chunk" },
	{ "chunk", BOTH, KIND(POWER), AT(chunk_bytes), BETWEEN(4 * K, K * K),
	  .argument = "SIZE", .initial = "256K",
	  .help = "unit of disk I/O and of digests, a power of two" },
	{ "lanes", BOTH, KIND(NUMBER), AT(lanes), BETWEEN(1, 16), .argument = "N", .initial = "1",
	  .help = "polling cores, each with a queue pair of the port; over memif as many on both sides" },
	{ "stripes", BOTH, KIND(NUMBER), AT(stripes), BETWEEN(1, 16), .argument = "N", .initial = "1",
	  .help = "lanes of one transfer, at most --lanes; a collector takes part with as many as it has" },
	{ "cores", BOTH, KIND(CORES), AT(cores), .argument = "LIST",
	  .help = "pin lanes to these CPUs, as in 2,4-6 (default: they float over all allowed ones)" },
	{ "vlan", BOTH, KIND(NUMBER), AT(vlan), BETWEEN(1, 4094), .argument = "ID",
	  .help = "VLAN tag of the DPDK port (default: none)" },
	{ "connect-timeout", BOTH, KIND(TIME), AT(connect_timeout_ns),
	  BETWEEN(DPS_NS_PER_MS, 365 * DAY_NS),
	  .argument = "TIME", .initial = "30s", .help = "how long to try to reach the peer" },
	{ "reconnect-timeout", BOTH, KIND(TIME_OR_FOREVER), AT(reconnect_timeout_ns),
	  BETWEEN(0, 365 * DAY_NS), .argument = "TIME|forever", .initial = "30s",
	  .help = "how long to try again when the peer is lost" },
	{ "idle-timeout", BOTH, KIND(TIME), AT(idle_timeout_ns),
	  BETWEEN(100 * DPS_NS_PER_MS, 365 * DAY_NS), .argument = "TIME", .initial = "60s",
	  .help = "give up when nothing advances for so long" },
	{ "space-timeout", COLLECT, KIND(TIME_OR_FOREVER), AT(space_timeout_ns),
	  BETWEEN(0, 365 * DAY_NS), .argument = "TIME|forever", .initial = "10m",
	  .help = "how long a transfer waits for room when the disk is full" },
	{ "grace", BOTH, KIND(TIME), AT(grace_ns), BETWEEN(0, DAY_NS), .argument = "TIME",
	  .initial = "5s", .help = "how long a clean stop may take" },
	{ "state", .commands = DPS_OPTION_ALL, KIND(TEXT), AT(state), .argument = "DIR",
	  .help = "this user's key, and what an exporter needs to go on after a restart "
		  "(default: /var/lib/dpdk-streamd for root, else $XDG_STATE_HOME/dpdk-streamd)" },
	{ "clear", BOTH, KIND(FLAG), AT(is_clear),
	  .help = "do not encrypt data: packets carry a checksum; both sides or refused" },
	{ "cipher", BOTH, KIND(CIPHER), AT(cipher), .argument = "aes-128-gcm|aes-256-gcm",
	  .initial = "aes-128-gcm", .help = "what seals data packets; the same on both sides" },
	{ "trust-on-first-use", BOTH, KIND(FLAG), AT(trusts_on_first_use),
	  .help = "accept and remember the key of a peer that is not known yet" },
	{ "peer-key", BOTH, KIND(PEER_KEY), .argument = "sha256:HEX",
	  .help = "the fingerprint that the peer must have, and no other; may be repeated" },
	{ "ca", BOTH, KIND(TEXT), AT(ca), .argument = "FILE",
	  .help = "believe certificates of these authorities (PEM); a collector lets in who has a line "
		  "`ca:NAME` in authorized_peers, an exporter whom it dialled by a name in it" },
	{ "crl", BOTH, KIND(TEXT), AT(crl), .argument = "FILE",
	  .help = "what the authorities of --ca have revoked (PEM, a list for each of them); read again "
		  "when it has changed, and out of date nobody is let in" },
	{ "cert", BOTH, KIND(TEXT), AT(cert), .argument = "FILE",
	  .help = "show this certificate of an authority (PEM, with those between them), not our own key" },
	{ "key", BOTH, KIND(TEXT), AT(key), .argument = "FILE",
	  .help = "the private key of --cert (PEM, readable by its owner only)" },
	{ "json", BOTH, KIND(FLAG), AT(is_json),
	  .help = "events on standard output, one JSON object a line" },
	{ "quiet", .letter = 'q', BOTH, KIND(FLAG), AT(is_quiet),
	  .help = "no progress line and no final summary" },
	{ "log-level", BOTH, KIND(LOG_LEVEL), .argument = "[NAME:]LEVEL",
	  .help = "error, warning, notice (the default), info or debug; may be repeated" },
	{ "stats-file", BOTH, KIND(TEXT), AT(stats_file), .argument = "FILE",
	  .help = "counters in a mapped file, readable after a crash" },
	{ "impair", BOTH, KIND(TEXT), AT(impair), .argument = "FAULTS",
	  .help = "for testing, with commas between: loss=P dup=P reorder=P corrupt=P delay=T "
		  "blackout=START+LENGTH hold=T seed=N" },
	{ "config", BOTH, KIND(LATER), .argument = "FILE" },
	{ .name = NULL },
};
/* clang-format on */
