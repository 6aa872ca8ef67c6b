/* SPDX-License-Identifier: BSD-3-Clause */
#include "drivers/trust/authorized_peers.h"
#include "tests/support/cmocka.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HEX "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
#define KEY "sha256:" HEX

static struct dps_fingerprint counting(void)
{
	struct dps_fingerprint fingerprint;

	for (unsigned int i = 0; i < DPS_FINGERPRINT_BYTES; i++)
		fingerprint.bytes[i] = (uint8_t)i;
	return fingerprint;
}

static void fingerprint__goes_both_ways(void **state)
{
	struct dps_fingerprint fingerprint = counting(), again;
	char text[DPS_FINGERPRINT_TEXT_BYTES];

	(void)state;
	dps_fingerprint_format(&fingerprint, text);
	assert_string_equal(text, KEY);
	assert_true(dps_fingerprint_parse(&again, text, strlen(text)));
	assert_true(dps_fingerprint_is_equal(&fingerprint, &again));
	again.bytes[31] ^= 1;
	assert_false(dps_fingerprint_is_equal(&fingerprint, &again));
	assert_true(dps_fingerprint_parse(
		&again, "sha256:ABCDEFABCDEFABCDEFABCDEFABCDEFABCDEFABCDEFABCDEFABCDEFABCDEFABCD",
		DPS_FINGERPRINT_LENGTH));
	assert_int_equal(again.bytes[0], 0xab);
}

/* FIPS 180-2: "abc". */
static void fingerprint_make__is_sha_256(void **state)
{
	struct dps_fingerprint fingerprint;
	char text[DPS_FINGERPRINT_TEXT_BYTES];

	(void)state;
	dps_fingerprint_make(&fingerprint, (const uint8_t *)"abc", 3);
	dps_fingerprint_format(&fingerprint, text);
	assert_string_equal(
		text, "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

static void fingerprint_parse__takes_nothing_else(void **state)
{
	static const char *const wrong[] = {
		"",
		"sha256:",
		HEX,
		KEY "0",
		"sha256:" HEX " ",
		"SHA256:" HEX,
		"sha512:" HEX,
		"sha256:000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1g",
		"sha256:000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1",
	};
	struct dps_fingerprint fingerprint;

	(void)state;
	for (unsigned int i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_false(dps_fingerprint_parse(&fingerprint, wrong[i], strlen(wrong[i])));
}

static void line_parse__reads_peers(void **state)
{
	static const struct {
		const char *line;
		const char *name;
		uint8_t may;
	} lines[] = {
		{ KEY " archive", "archive", DPS_MAY_EXPORT | DPS_MAY_COLLECT },
		{ "  " KEY "\t10.0.0.1:7421 may=collect\r", "10.0.0.1:7421", DPS_MAY_COLLECT },
		{ KEY " [fe80::1%eth0]:7420   may=export  ", "[fe80::1%eth0]:7420",
		  DPS_MAY_EXPORT },
		{ KEY " #1", "#1", DPS_MAY_EXPORT | DPS_MAY_COLLECT },
	};
	const struct dps_fingerprint expected = counting();

	(void)state;
	for (unsigned int i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		struct dps_authorized_peer peer;
		const char *wrong;

		assert_int_equal(dps_authorized_line_parse(&peer, lines[i].line,
							   strlen(lines[i].line), &wrong),
				 DPS_AUTHORIZED_PEER);
		assert_string_equal(peer.name, lines[i].name);
		assert_int_equal(peer.may, lines[i].may);
		assert_true(dps_fingerprint_is_equal(&peer.fingerprint, &expected));
	}
}

static void line_parse__reads_what_a_peer_may_take(void **state)
{
	static const char line[] = KEY " archive memory=64M transfers=4 may=export into=lab/p-3 "
				       "files=100000 bytes=500G rate=2.G";
	static const char good[] = KEY " archive memory=64M transfers=4 may=export into=lab/p-3 "
				       "files=100000 bytes=500G rate=2G";
	struct dps_authorized_peer peer;
	const char *wrong;

	(void)state;
	assert_int_equal(dps_authorized_line_parse(&peer, line, sizeof(line) - 1, &wrong),
			 DPS_AUTHORIZED_WRONG);
	assert_int_equal(dps_authorized_line_parse(&peer, good, sizeof(good) - 1, &wrong),
			 DPS_AUTHORIZED_PEER);
	assert_int_equal(peer.may, DPS_MAY_EXPORT);
	assert_string_equal(peer.grant.into, "lab/p-3");
	assert_int_equal(peer.grant.rate_bits_per_s, UINT64_C(2000000000));
	assert_int_equal(peer.grant.bytes, UINT64_C(500) << 30);
	assert_int_equal(peer.grant.files, 100000);
	assert_int_equal(peer.grant.transfers, 4);
	assert_int_equal(peer.grant.memory_bytes, 64 << 20);
	/* A line without has none of the one before. */
	assert_int_equal(dps_authorized_line_parse(&peer, KEY " n", strlen(KEY " n"), &wrong),
			 DPS_AUTHORIZED_PEER);
	assert_false(dps_grant_is_limited(&peer.grant));
}

static bool is_certified(const char *line, const char *names)
{
	struct dps_authorized_peer peer;
	const char *wrong;

	assert_int_equal(dps_authorized_line_parse(&peer, line, strlen(line), &wrong),
			 DPS_AUTHORIZED_PEER);
	return dps_authorized_peer_is_certified(&peer, names);
}

static void line_parse__reads_names_of_an_authority(void **state)
{
	struct dps_authorized_peer peer;
	const char *wrong;

	(void)state;
	assert_true(is_certified("ca:a.org may=export", "a.org"));
	assert_true(is_certified("ca:a.org", "x.org A.ORG"));
	assert_false(is_certified("ca:a.org", "a.org.evil b.a.org a.or"));
	assert_false(is_certified("ca:a.org", ""));
	assert_true(is_certified("ca:*", "whoever"));
	assert_false(is_certified("ca:*", ""));
	assert_true(is_certified("ca:*.org", "a.org"));
	assert_false(is_certified("ca:*.org", "a.b.org org .org a.organ"));
	assert_false(is_certified(KEY " a.org", "a.org"));
	assert_int_equal(dps_authorized_line_parse(&peer, "ca: a.org", 9, &wrong),
			 DPS_AUTHORIZED_WRONG);
	assert_int_equal(dps_authorized_line_parse(&peer, "ca:a.org b.org", 14, &wrong),
			 DPS_AUTHORIZED_WRONG);
}

static void line_parse__steps_over_nothing(void **state)
{
	static const char *const lines[] = { "", "   \t", "# " KEY " name", "#", "\r" };
	struct dps_authorized_peer peer;
	const char *wrong;

	(void)state;
	for (unsigned int i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		assert_int_equal(
			dps_authorized_line_parse(&peer, lines[i], strlen(lines[i]), &wrong),
			DPS_AUTHORIZED_NOTHING);
}

/* What is not understood allows nothing: a limit that a later version knows is not dropped. */
static void line_parse__takes_nothing_that_it_does_not_know(void **state)
{
	static const char *const lines[] = {
		KEY,
		KEY " ",
		"archive " KEY,
		KEY "x archive",
		KEY " archive may=",
		KEY " archive may=everything",
		KEY " archive may=export may=collect",
		KEY " archive may=export into=/srv",
		KEY " archive may=export may=export",
		KEY " archive rate=1G speed=2G",
		KEY " archive may=collect rate=1G",
		KEY " archive rate=1G rate=2G",
		KEY " archive rate = 1G",
		KEY " arch\xc3\xaf"
		    "ve",
		KEY " arch\x01ve",
	};
	struct dps_authorized_peer peer;
	const char *wrong;

	(void)state;
	for (unsigned int i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		wrong = NULL;
		assert_int_equal(
			dps_authorized_line_parse(&peer, lines[i], strlen(lines[i]), &wrong),
			DPS_AUTHORIZED_WRONG);
		assert_non_null(wrong);
	}
	assert_int_equal(dps_authorized_line_parse(&peer, KEY " a\0b", strlen(KEY) + 4, &wrong),
			 DPS_AUTHORIZED_WRONG);
}

static void line_parse__bounds_name_and_line(void **state)
{
	struct dps_authorized_peer peer;
	char line[DPS_AUTHORIZED_LINE_BYTES_MAX + 1];
	size_t at = strlen(KEY " ");
	const char *wrong;

	(void)state;
	memset(line, 'n', sizeof(line));
	memcpy(line, KEY " ", at);
	assert_int_equal(dps_authorized_line_parse(&peer, line, at + 255, &wrong),
			 DPS_AUTHORIZED_PEER);
	assert_int_equal(strlen(peer.name), 255);
	assert_int_equal(dps_authorized_line_parse(&peer, line, at + 256, &wrong),
			 DPS_AUTHORIZED_WRONG);
	memset(line + at + 1, ' ', sizeof(line) - at - 1);
	assert_int_equal(dps_authorized_line_parse(&peer, line, sizeof(line) - 1, &wrong),
			 DPS_AUTHORIZED_PEER);
	assert_int_equal(dps_authorized_line_parse(&peer, line, sizeof(line), &wrong),
			 DPS_AUTHORIZED_WRONG);
}

static void note_line(void *context, unsigned int line, const char *why)
{
	unsigned int *sum = context;

	assert_true(why[0] != '\0');
	*sum = *sum * 10 + line;
}

static void peers_parse__goes_on_behind_a_wrong_line(void **state)
{
	static const char text[] = "# ours\n" KEY " one\n\nnonsense\n" KEY " two may=export\n" KEY
				   " three may=nothing\n" KEY " four";
	struct dps_authorized_peers list;
	unsigned int wrong = 0;

	(void)state;
	assert_int_equal(
		dps_authorized_peers_parse(&list, text, sizeof(text) - 1, note_line, &wrong), 0);
	assert_int_equal(wrong, 46);
	assert_int_equal(list.count, 3);
	assert_string_equal(list.peers[0].name, "one");
	assert_string_equal(list.peers[1].name, "two");
	assert_string_equal(list.peers[2].name, "four");
	dps_authorized_peers_fini(&list);
	assert_int_equal(list.count, 0);
}

static void peers_parse__is_bounded(void **state)
{
	static const char line[] = KEY " n\n";
	unsigned int lines = DPS_AUTHORIZED_PEERS_MAX + 2, wrong = 0;
	size_t bytes = (sizeof(line) - 1) * lines;
	char *text = malloc(DPS_AUTHORIZED_FILE_BYTES_MAX + 1);
	struct dps_authorized_peers list;

	(void)state;
	assert_non_null(text);
	for (unsigned int i = 0; i < lines; i++)
		memcpy(text + i * (sizeof(line) - 1), line, sizeof(line) - 1);
	assert_int_equal(dps_authorized_peers_parse(&list, text, bytes, note_line, &wrong), 0);
	assert_int_equal(list.count, DPS_AUTHORIZED_PEERS_MAX);
	assert_int_equal(wrong, (DPS_AUTHORIZED_PEERS_MAX + 1) * 10 + DPS_AUTHORIZED_PEERS_MAX + 2);
	dps_authorized_peers_fini(&list);
	memset(text, '\n', DPS_AUTHORIZED_FILE_BYTES_MAX + 1);
	assert_int_equal(
		dps_authorized_peers_parse(&list, text, DPS_AUTHORIZED_FILE_BYTES_MAX, NULL, NULL),
		0);
	assert_int_equal(dps_authorized_peers_parse(&list, text, DPS_AUTHORIZED_FILE_BYTES_MAX + 1,
						    NULL, NULL),
			 -EFBIG);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fingerprint__goes_both_ways),
		cmocka_unit_test(fingerprint_make__is_sha_256),
		cmocka_unit_test(fingerprint_parse__takes_nothing_else),
		cmocka_unit_test(line_parse__reads_peers),
		cmocka_unit_test(line_parse__reads_what_a_peer_may_take),
		cmocka_unit_test(line_parse__reads_names_of_an_authority),
		cmocka_unit_test(line_parse__steps_over_nothing),
		cmocka_unit_test(line_parse__takes_nothing_that_it_does_not_know),
		cmocka_unit_test(line_parse__bounds_name_and_line),
		cmocka_unit_test(peers_parse__goes_on_behind_a_wrong_line),
		cmocka_unit_test(peers_parse__is_bounded),
	};

	return cmocka_run_group_tests_name("authorized_peers", tests, NULL, NULL);
}
