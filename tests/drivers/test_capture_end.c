/* SPDX-License-Identifier: BSD-3-Clause */
#include "drivers/live/capture_end.h"
#include "tests/support/cmocka.h"
#include <string.h>

enum { BYTES_MAX = 512, ENDS_MAX = 16 };

/* A capture, and where it may end. */
struct capture {
	uint8_t bytes[BYTES_MAX];
	size_t count;
	size_t ends[ENDS_MAX];
	unsigned int ends_count;
	bool is_big_endian;
};

static void put(struct capture *capture, uint32_t number)
{
	for (unsigned int i = 0; i < 4; i++)
		capture->bytes[capture->count++] =
			(uint8_t)(number >> 8 * (capture->is_big_endian ? 3 - i : i));
}

static void fill(struct capture *capture, uint8_t byte, size_t count)
{
	memset(capture->bytes + capture->count, byte, count);
	capture->count += count;
}

static void may_end(struct capture *capture)
{
	capture->ends[capture->ends_count++] = capture->count;
}

static void put_packet(struct capture *capture, uint32_t length)
{
	put(capture, 1700000000);
	put(capture, 5);
	put(capture, length);
	put(capture, length);
	/* What a packet holds may look like anything. */
	fill(capture, 0x0a, length);
	may_end(capture);
}

static void make_pcap(struct capture *capture, uint32_t magic, bool is_big_endian)
{
	*capture = (struct capture){ .is_big_endian = is_big_endian };
	put(capture, magic);
	fill(capture, 0, 20);
	may_end(capture);
	put_packet(capture, 60);
	put_packet(capture, 0);
	put_packet(capture, 41);
}

static void put_block(struct capture *capture, uint32_t type, uint32_t body_bytes)
{
	put(capture, type);
	put(capture, 12 + body_bytes);
	fill(capture, 0x0d, body_bytes);
	put(capture, 12 + body_bytes);
	may_end(capture);
}

static void put_section(struct capture *capture, bool is_big_endian)
{
	capture->is_big_endian = is_big_endian;
	put(capture, 0x0a0d0d0a);
	put(capture, 28);
	put(capture, 0x1a2b3c4d);
	fill(capture, 0xff, 12);
	put(capture, 28);
	may_end(capture);
}

/* Each section has a byte order of its own. */
static void make_pcapng(struct capture *capture, bool is_big_endian)
{
	*capture = (struct capture){ .ends_count = 0 };
	put_section(capture, is_big_endian);
	put_block(capture, 1, 8);
	put_block(capture, 6, 60);
	put_section(capture, !is_big_endian);
	put_block(capture, 6, 0);
}

static bool is_end(const struct capture *capture, size_t at)
{
	for (unsigned int i = 0; i < capture->ends_count; i++)
		if (capture->ends[i] == at)
			return true;
	return false;
}

static bool is_cut_at(const struct capture *capture, size_t end, size_t split)
{
	struct dps_capture_end state;

	dps_capture_end_init(&state);
	dps_capture_end_add(&state, capture->bytes, split);
	dps_capture_end_add(&state, capture->bytes + split, end - split);
	return dps_capture_end_is_cut(&state);
}

/* Ended at every byte, and split at every byte. Of less than a magic nothing is known. */
static void expect_ends(const struct capture *capture)
{
	for (size_t end = 0; end <= capture->count; end++)
		for (size_t split = 0; split <= end; split++)
			assert_int_equal(is_cut_at(capture, end, split),
					 end >= 4 && !is_end(capture, end));
}

static void pcap__ends_behind_a_packet(void **state)
{
	struct capture capture;

	(void)state;
	for (unsigned int i = 0; i < 4; i++) {
		make_pcap(&capture, i & 1 ? 0xa1b23c4d : 0xa1b2c3d4, i & 2);
		expect_ends(&capture);
	}
}

static void pcapng__ends_behind_a_block(void **state)
{
	struct capture capture;

	(void)state;
	make_pcapng(&capture, false);
	expect_ends(&capture);
	make_pcapng(&capture, true);
	expect_ends(&capture);
}

static void other__may_end_anywhere(void **state)
{
	struct capture capture = { .count = 0 };

	(void)state;
	put(&capture, 0x04034b50);
	fill(&capture, 7, 100);
	for (size_t end = 0; end <= capture.count; end++)
		assert_false(is_cut_at(&capture, end, end / 2));
}

/* From there on it is no capture, and nothing is known of its end. */
static void expect_no_capture(struct capture *capture)
{
	for (unsigned int i = 0; i < 40; i++) {
		assert_false(is_cut_at(capture, capture->count, capture->count / 2));
		fill(capture, (uint8_t)i, 1);
	}
}

static void length__no_packet_has_is_no_capture(void **state)
{
	static const uint32_t lengths[] = { DPS_CAPTURE_RECORD_BYTES_MAX + 1, 0x80000000,
					    0xffffffff };
	struct capture capture;

	(void)state;
	for (unsigned int i = 0; i < 3; i++) {
		make_pcap(&capture, 0xa1b2c3d4, i & 1);
		put(&capture, 0);
		put(&capture, 0);
		put(&capture, lengths[i]);
		put(&capture, 0);
		expect_no_capture(&capture);
	}
}

static void length__no_block_has_is_no_capture(void **state)
{
	static const uint32_t lengths[] = { 0, 4, 8, 11, 13, 0xffffffff, 0xfffffffc, 0x80000000 };
	struct capture capture;

	(void)state;
	for (unsigned int i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		make_pcapng(&capture, i & 1);
		put(&capture, 6);
		put(&capture, lengths[i]);
		expect_no_capture(&capture);
	}
}

static void section__without_a_byte_order_is_no_capture(void **state)
{
	struct capture capture = { .count = 0 };

	(void)state;
	put(&capture, 0x0a0d0d0a);
	put(&capture, 28);
	put(&capture, 0x1a2b3c4e);
	expect_no_capture(&capture);
}

/* The longest there may be is waited for to its last byte. */
static void packet__as_long_as_may_be(void **state)
{
	static const uint8_t zeros[1 << 16];
	struct dps_capture_end end;
	struct capture capture;

	(void)state;
	make_pcap(&capture, 0xa1b2c3d4, false);
	put(&capture, 0);
	put(&capture, 0);
	put(&capture, DPS_CAPTURE_RECORD_BYTES_MAX);
	put(&capture, 0);
	dps_capture_end_init(&end);
	dps_capture_end_add(&end, capture.bytes, capture.count);
	for (size_t left = DPS_CAPTURE_RECORD_BYTES_MAX; left > 0; left -= sizeof(zeros)) {
		assert_true(dps_capture_end_is_cut(&end));
		dps_capture_end_add(&end, zeros, sizeof(zeros));
	}
	assert_false(dps_capture_end_is_cut(&end));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pcap__ends_behind_a_packet),
		cmocka_unit_test(pcapng__ends_behind_a_block),
		cmocka_unit_test(other__may_end_anywhere),
		cmocka_unit_test(length__no_packet_has_is_no_capture),
		cmocka_unit_test(length__no_block_has_is_no_capture),
		cmocka_unit_test(section__without_a_byte_order_is_no_capture),
		cmocka_unit_test(packet__as_long_as_may_be),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
