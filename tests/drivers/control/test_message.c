/* SPDX-License-Identifier: BSD-3-Clause */
#include "drivers/control/frame_buffer.h"
#include "drivers/control/message.h"
#include "tests/support/cmocka.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void decode_text(struct dps_message *message, const char *text)
{
	char error[DPS_MESSAGE_ERROR_BYTES];
	enum dps_control_code code =
		dps_message_decode(message, (const uint8_t *)text, strlen(text), error);

	if (code != DPS_CODE_NONE)
		fail_msg("%s", error);
}

/* Encodes, compares with the JSON that docs/protocol.md section 10 shows, and decodes again. */
static void through(const struct dps_message *message, const char *json, struct dps_message *again)
{
	size_t length;
	char *text = dps_message_encode(message, &length);

	assert_non_null(text);
	assert_string_equal(text, json);
	assert_int_equal(length, strlen(json));
	decode_text(again, text);
	assert_int_equal(again->type, message->type);
	free(text);
}

static void hello__survives_the_round_trip(void **state)
{
	static const char *const features[] = { "files", "resume" };
	const struct dps_message message = {
		.type = DPS_MESSAGE_HELLO,
		.hello = { .version_min = 1,
			   .version_max = 3,
			   .role = DPS_ROLE_COLLECT,
			   .features = features,
			   .features_count = 2,
			   .software = "dpdk-streamd 0.1.0",
			   .seal = "clear",
			   .epoch = INT64_MAX,
			   .connection_id = UINT64_C(0xfedcba9876543210),
			   .address = { .family = DPS_ADDRESS_IPV4,
					.has_mac = 1,
					.mac = { 2, 0, 0, 0xaa, 0xbb, 0xcc },
					.ip = { 192, 0, 2, 1 },
					.udp_port = 7420,
					.mtu = 9000 },
			   .chunk_bytes = 262144,
			   .payload_bytes = 8192,
			   .window_bytes = 67108864,
			   .queues = 3,
			   .more_paths = { .count = 2,
					   .items = { { 1, 7421 }, { UINT64_MAX, 65535 } } } },
	};
	struct dps_message again;

	(void)state;
	through(&message,
		"{\"type\":\"hello\",\"versions\":{\"min\":1,\"max\":3},\"role\":\"collect\","
		"\"features\":[\"files\",\"resume\"],\"software\":\"dpdk-streamd 0.1.0\","
		"\"seal\":\"clear\",\"epoch\":9223372036854775807,"
		"\"connection_id\":\"fedcba9876543210\",\"address\":{"
		"\"mac\":\"02:00:00:aa:bb:cc\",\"ip\":\"192.0.2.1\",\"udp_port\":7420,\"mtu\":9000}"
		","
		"\"chunk_bytes\":262144,\"payload_bytes\":8192,\"window_bytes\":67108864,"
		"\"queues\":3,\"more_paths\":["
		"{\"connection_id\":\"0000000000000001\",\"udp_port\":7421},"
		"{\"connection_id\":\"ffffffffffffffff\",\"udp_port\":65535}]}",
		&again);
	assert_int_equal(again.hello.version_min, 1);
	assert_int_equal(again.hello.version_max, 3);
	assert_int_equal(again.hello.role, DPS_ROLE_COLLECT);
	assert_int_equal(again.hello.features_count, 2);
	assert_string_equal(again.hello.features[1], "resume");
	assert_string_equal(again.hello.software, "dpdk-streamd 0.1.0");
	assert_string_equal(again.hello.seal, "clear");
	assert_true(again.hello.epoch == INT64_MAX);
	assert_true(again.hello.connection_id == UINT64_C(0xfedcba9876543210));
	assert_memory_equal(&again.hello.address, &message.hello.address,
			    sizeof(struct dps_address));
	assert_int_equal(again.hello.chunk_bytes, 262144);
	assert_int_equal(again.hello.payload_bytes, 8192);
	assert_int_equal(again.hello.window_bytes, 67108864);
	assert_int_equal(again.hello.queues, 3);
	assert_int_equal(again.hello.more_paths.count, 2);
	assert_int_equal(again.hello.more_paths.items[0].udp_port, 7421);
	assert_true(again.hello.more_paths.items[1].connection_id == UINT64_MAX);
	dps_message_fini(&again);
}

static void hello__may_have_an_address_without_mac_or_ip(void **state)
{
	static const char json[] =
		"{\"type\":\"hello\",\"versions\":{\"min\":1,\"max\":1},\"role\":\"export\","
		"\"features\":[],\"software\":\"\",\"seal\":\"clear\",\"epoch\":0,"
		"\"connection_id\":\"0000000000000001\","
		"\"address\":{\"mac\":null,\"ip\":null,\"udp_port\":7420,\"mtu\":0},"
		"\"chunk_bytes\":4096,\"payload_bytes\":1408,\"window_bytes\":0}";
	struct dps_message message, again;

	(void)state;
	decode_text(&message, json);
	assert_int_equal(message.hello.address.family, DPS_ADDRESS_NONE);
	assert_int_equal(message.hello.address.has_mac, 0);
	assert_true(message.hello.queues == DPS_MESSAGE_QUEUES_NONE);
	assert_int_equal(message.hello.more_paths.count, 0);
	through(&message, json, &again);
	dps_message_fini(&message);
	dps_message_fini(&again);
}

static void refuse__carries_only_what_it_is_about(void **state)
{
	struct dps_message message = {
		.type = DPS_MESSAGE_REFUSE,
		.refuse = { .code = DPS_CODE_SPACE,
			    .channel = 7,
			    .text = "1000 bytes are offered, 10 are free",
			    .needed_bytes = 1000,
			    .available_bytes = 10 },
	};
	struct dps_message again;

	(void)state;
	through(&message,
		"{\"type\":\"refuse\",\"code\":\"space\",\"channel\":7,"
		"\"text\":\"1000 bytes are offered, 10 are free\","
		"\"needed_bytes\":1000,\"available_bytes\":10}",
		&again);
	assert_int_equal(again.refuse.code, DPS_CODE_SPACE);
	assert_int_equal(again.refuse.channel, 7);
	assert_int_equal(again.refuse.needed_bytes, 1000);
	assert_int_equal(again.refuse.version_max, 0);
	assert_null(again.refuse.path);
	dps_message_fini(&again);

	message.refuse = (struct dps_message_refuse){ .code = DPS_CODE_VERSION,
						      .channel = DPS_MESSAGE_CHANNEL_NONE,
						      .text = "too old",
						      .needed_bytes = DPS_NUMBER_NONE,
						      .available_bytes = DPS_NUMBER_NONE,
						      .version_min = 2,
						      .version_max = 3 };
	through(&message,
		"{\"type\":\"refuse\",\"code\":\"version\",\"text\":\"too old\","
		"\"versions\":{\"min\":2,\"max\":3}}",
		&again);
	assert_int_equal(again.refuse.channel, DPS_MESSAGE_CHANNEL_NONE);
	assert_true(again.refuse.needed_bytes == DPS_NUMBER_NONE);
	assert_int_equal(again.refuse.version_min, 2);
	dps_message_fini(&again);

	message.refuse.code = DPS_CODE_TARGET_EXISTS;
	message.refuse.version_min = message.refuse.version_max = 0;
	message.refuse.path = "a\xff";
	message.refuse.path_bytes = 2;
	through(&message,
		"{\"type\":\"refuse\",\"code\":\"target_exists\",\"text\":\"too old\","
		"\"path_b64\":\"Yf8=\"}",
		&again);
	assert_string_equal(again.refuse.path, "a\xff");
	dps_message_fini(&again);
}

static void offer__survives_the_round_trip(void **state)
{
	static const struct dps_message_file files[] = {
		{ "src", 3, 0755, DPS_FILE_DIRECTORY, 0, -1 },
		{ "src/a b.pcap", 12, 0644, DPS_FILE_REGULAR, DPS_OFFSET_MAX - 1, INT64_MAX },
		{ "src/\xc3\xa9\"\n", 8, 0, DPS_FILE_REGULAR, DPS_NUMBER_NONE, INT64_MIN },
		{ "src/\xe9", 5, 07777, DPS_FILE_REGULAR, 1, 0 },
	};
	const struct dps_message message = {
		.type = DPS_MESSAGE_OFFER,
		.offer = { .transfer = { { 0xab, [15] = 1 } },
			   .channel = 1,
			   .chunk_bytes = 262144,
			   .total_files = 4,
			   .total_bytes = DPS_NUMBER_NONE,
			   .files = files,
			   .files_count = 4 },
	};
	struct dps_message again;

	(void)state;
	through(&message,
		"{\"type\":\"offer\",\"transfer\":\"ab000000000000000000000000000001\","
		"\"channel\":1,\"chunk_bytes\":262144,\"total_files\":4,\"files\":["
		"{\"path\":\"src\",\"size\":0,\"mtime_ns\":-1,\"mode\":493,\"kind\":\"dir\"},"
		"{\"path\":\"src/a b.pcap\",\"size\":4611686018427387903,"
		"\"mtime_ns\":9223372036854775807,\"mode\":420,\"kind\":\"file\"},"
		"{\"path\":\"src/\xc3\xa9\\\"\\n\",\"size\":null,"
		"\"mtime_ns\":-9223372036854775808,\"mode\":0,\"kind\":\"file\"},"
		"{\"path_b64\":\"c3JjL+k=\",\"size\":1,\"mtime_ns\":0,\"mode\":4095,"
		"\"kind\":\"file\"}]}",
		&again);
	assert_memory_equal(&again.offer.transfer, &message.offer.transfer, 16);
	assert_int_equal(again.offer.first, 0);
	assert_int_equal(again.offer.total_files, 4);
	assert_true(again.offer.total_bytes == DPS_NUMBER_NONE);
	assert_int_equal(again.offer.files_count, 4);
	for (unsigned int i = 0; i < 4; i++) {
		const struct dps_message_file *file = &again.offer.files[i];

		assert_string_equal(file->path, files[i].path);
		assert_int_equal(file->path_bytes, files[i].path_bytes);
		assert_int_equal(file->mode, files[i].mode);
		assert_int_equal(file->kind, files[i].kind);
		assert_true(file->size_bytes == files[i].size_bytes);
		assert_true(file->mtime_ns == files[i].mtime_ns);
	}
	dps_message_fini(&again);
}

static void offer_more__counts_on_from_first(void **state)
{
	static const struct dps_message_file file = { "x", 1, 0600, DPS_FILE_REGULAR, 5, 9 };
	const struct dps_message message = {
		.type = DPS_MESSAGE_OFFER_MORE,
		.offer = { .channel = 2, .first = 8192, .files = &file, .files_count = 1 },
	};
	struct dps_message again;

	(void)state;
	through(&message,
		"{\"type\":\"offer_more\",\"transfer\":\"00000000000000000000000000000000\","
		"\"channel\":2,\"first\":8192,\"files\":[{\"path\":\"x\",\"size\":5,"
		"\"mtime_ns\":9,\"mode\":384,\"kind\":\"file\"}]}",
		&again);
	assert_int_equal(again.offer.first, 8192);
	assert_string_equal(again.offer.files[0].path, "x");
	dps_message_fini(&again);
}

static void accept_and_digest__carry_digests(void **state)
{
	static const struct dps_message_item items[] = {
		{ 0, 0, { { 0 } } },
		{ DPS_FILES_MAX - 1, DPS_OFFSET_MAX - 1, { { 0xff, [15] = 0x0f } } },
	};
	struct dps_message message = {
		.type = DPS_MESSAGE_ACCEPT,
		.accept = { .channel = 3, .files_end = 2, .items = items, .items_count = 2 },
	};
	struct dps_message again;

	(void)state;
	through(&message,
		"{\"type\":\"accept\",\"transfer\":\"00000000000000000000000000000000\","
		"\"channel\":3,\"files_end\":2,\"have\":["
		"{\"file\":0,\"size\":0,\"digest\":\"00000000000000000000000000000000\"},"
		"{\"file\":1073741823,\"size\":4611686018427387903,"
		"\"digest\":\"ff00000000000000000000000000000f\"}]}",
		&again);
	assert_int_equal(again.accept.files_end, 2);
	assert_int_equal(again.accept.items_count, 2);
	assert_int_equal(again.accept.items[1].file, DPS_FILES_MAX - 1);
	assert_memory_equal(&again.accept.items[1].digest, &items[1].digest, DPS_DIGEST_BYTES);
	dps_message_fini(&again);

	message.type = DPS_MESSAGE_DIGEST;
	message.digest.items_count = 1;
	through(&message,
		"{\"type\":\"digest\",\"channel\":3,\"files\":["
		"{\"file\":0,\"size\":0,\"digest\":\"00000000000000000000000000000000\"}]}",
		&again);
	assert_int_equal(again.digest.items_count, 1);
	dps_message_fini(&again);

	message.type = DPS_MESSAGE_PARTIAL;
	through(&message,
		"{\"type\":\"partial\",\"channel\":3,\"files\":["
		"{\"file\":0,\"size\":0,\"digest\":\"00000000000000000000000000000000\"}]}",
		&again);
	assert_int_equal(again.partial.items_count, 1);
	dps_message_fini(&again);
}

static void stored_same_different__carry_ranges(void **state)
{
	static const struct dps_message_range ranges[] = { { 0, 9 }, { 12, 12 } };
	struct dps_message message = {
		.type = DPS_MESSAGE_STORED,
		.stored = { .channel = 1, .batch = 4, .ranges = ranges, .ranges_count = 2 },
	};
	struct dps_message again;

	(void)state;
	through(&message,
		"{\"type\":\"stored\",\"channel\":1,\"batch\":4,\"files\":[[0,9],[12,12]]}",
		&again);
	assert_int_equal(again.stored.batch, 4);
	assert_int_equal(again.stored.ranges_count, 2);
	assert_int_equal(again.stored.ranges[0].last, 9);
	dps_message_fini(&again);

	message.type = DPS_MESSAGE_SAME;
	through(&message, "{\"type\":\"same\",\"channel\":1,\"files\":[[0,9],[12,12]]}", &again);
	dps_message_fini(&again);
	message.type = DPS_MESSAGE_DIFFERENT;
	message.different.ranges_count = 0;
	through(&message, "{\"type\":\"different\",\"channel\":1,\"files\":[]}", &again);
	assert_int_equal(again.different.ranges_count, 0);
	dps_message_fini(&again);
}

static void small_messages__survive_the_round_trip(void **state)
{
	static const struct dps_message_hold holds[] = { { 3, 262144 }, { 6, 1 } };
	static const struct {
		struct dps_message message;
		const char *json;
	} cases[] = {
		{ { .type = DPS_MESSAGE_FILE_MORE,
		    .file_more = { .channel = 1, .file = 0, .size_bytes = 65536 } },
		  "{\"type\":\"file_more\",\"channel\":1,\"file\":0,\"size\":65536}" },
		{ { .type = DPS_MESSAGE_HELD,
		    .held = { .channel = 1, .file = 0, .size_bytes = 65536 } },
		  "{\"type\":\"held\",\"channel\":1,\"file\":0,\"size\":65536}" },
		{ { .type = DPS_MESSAGE_FILE_END,
		    .file_end = { .channel = 1, .file = 2, .size_bytes = 3 } },
		  "{\"type\":\"file_end\",\"channel\":1,\"file\":2,\"size\":3}" },
		{ { .type = DPS_MESSAGE_LAST,
		    .last = { .channel = 1, .files = 2, .bytes = DPS_NUMBER_NONE } },
		  "{\"type\":\"last\",\"channel\":1,\"files\":2}" },
		{ { .type = DPS_MESSAGE_DONE,
		    .done = { .channel = 1, .files = 2, .bytes = 3, .failed = 1 } },
		  "{\"type\":\"done\",\"channel\":1,\"files\":2,\"bytes\":3,\"failed\":1}" },
		{ { .type = DPS_MESSAGE_FILE_FAILED,
		    .file_failed = { .channel = 1,
				     .file = 5,
				     .code = DPS_CODE_DIGEST,
				     .text = "three times" } },
		  "{\"type\":\"file_failed\",\"channel\":1,\"file\":5,\"code\":\"digest\","
		  "\"text\":\"three times\"}" },
		{ { .type = DPS_MESSAGE_SKIP,
		    .skip = { .channel = 1,
			      .file = 5,
			      .code = DPS_CODE_SOURCE_CHANGED,
			      .from_bytes = 4096,
			      .text = "source changed" } },
		  "{\"type\":\"skip\",\"channel\":1,\"file\":5,\"from\":4096,"
		  "\"code\":\"source_changed\",\"text\":\"source changed\"}" },
		{ { .type = DPS_MESSAGE_REFETCH,
		    .refetch = { .channel = 1, .offset = 262144, .bytes = 262144 } },
		  "{\"type\":\"refetch\",\"channel\":1,\"offset\":262144,\"bytes\":262144}" },
		{ { .type = DPS_MESSAGE_BLOCKED,
		    .blocked = { .channel = 1, .why = DPS_BLOCKED_SPACE } },
		  "{\"type\":\"blocked\",\"channel\":1,\"why\":\"space\"}" },
		{ { .type = DPS_MESSAGE_CANCEL,
		    .cancel = { .channel = 1, .code = DPS_CODE_CANCELLED, .text = "SIGINT" } },
		  "{\"type\":\"cancel\",\"channel\":1,\"code\":\"cancelled\",\"text\":"
		  "\"SIGINT\"}" },
		{ { .type = DPS_MESSAGE_RESUME,
		    .resume = { .transfer = { { 1 } },
				.channel = 2,
				.chunk_bytes = 262144,
				.files = 7 } },
		  "{\"type\":\"resume\",\"transfer\":\"01000000000000000000000000000000\","
		  "\"channel\":2,\"chunk_bytes\":262144,\"files\":7}" },
		{ { .type = DPS_MESSAGE_RESUMED,
		    .resumed = { .transfer = { { 1 } },
				 .channel = 2,
				 .files_end = 7,
				 .holds_count = 2,
				 .holds = holds } },
		  "{\"type\":\"resumed\",\"transfer\":\"01000000000000000000000000000000\","
		  "\"channel\":2,\"files_end\":7,\"partial\":[{\"file\":3,\"bytes\":262144},"
		  "{\"file\":6,\"bytes\":1}]}" },
		{ { .type = DPS_MESSAGE_ATTACH,
		    .attach = { .transfer = { { 1 } }, .channel = 1, .epoch = INT64_MAX } },
		  "{\"type\":\"attach\",\"transfer\":\"01000000000000000000000000000000\","
		  "\"channel\":1,\"epoch\":9223372036854775807}" },
		{ { .type = DPS_MESSAGE_ATTACHED,
		    .attached = { .transfer = { { 1 } },
				  .channel = 1,
				  .files_end = 7,
				  .offered_end = 9 } },
		  "{\"type\":\"attached\",\"transfer\":\"01000000000000000000000000000000\","
		  "\"channel\":1,\"files_end\":7,\"offered_end\":9}" },
		{ { .type = DPS_MESSAGE_REFUSE,
		    .refuse = { .code = DPS_CODE_PARKED,
				.channel = 1,
				.text = "gone",
				.needed_bytes = DPS_NUMBER_NONE,
				.available_bytes = DPS_NUMBER_NONE } },
		  "{\"type\":\"refuse\",\"code\":\"parked\",\"channel\":1,\"text\":\"gone\"}" },
		{ { .type = DPS_MESSAGE_ERROR,
		    .error = { .code = DPS_CODE_PROTOCOL, .text = "what?" } },
		  "{\"type\":\"error\",\"code\":\"protocol\",\"text\":\"what?\"}" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct dps_message again;
		char *text;
		size_t length;

		through(&cases[i].message, cases[i].json, &again);
		text = dps_message_encode(&again, &length);
		assert_string_equal(text, cases[i].json);
		free(text);
		dps_message_fini(&again);
	}
}

static void decode__ignores_what_a_later_version_may_say(void **state)
{
	struct dps_message message;

	(void)state;
	decode_text(&message, "{\"type\":\"teleport\",\"channel\":\"?\"}");
	assert_int_equal(message.type, DPS_MESSAGE_UNKNOWN);
	dps_message_fini(&message);
	decode_text(&message,
		    "{\"more\":[1,{}],\"type\":\"blocked\",\"why\":\"moon\",\"channel\":0}");
	assert_int_equal(message.blocked.why, DPS_BLOCKED_OTHER);
	dps_message_fini(&message);
	decode_text(&message, "{\"type\":\"error\",\"code\":\"moon\",\"text\":\"\"}");
	assert_int_equal(message.error.code, DPS_CODE_OTHER);
	dps_message_fini(&message);
}

static void decode__takes_control_characters_out_of_sentences(void **state)
{
	struct dps_message message;

	(void)state;
	decode_text(&message, "{\"type\":\"error\",\"code\":\"busy\","
			      "\"text\":\"a\\u001b[2J\\n\x7f\xc2\x9b\xc3\xa9\"}");
	assert_string_equal(message.error.text, "a?[2J????\xc3\xa9");
	dps_message_fini(&message);
}

static void encode__makes_any_sentence_fit(void **state)
{
	char text[2001];
	struct dps_message message = { .type = DPS_MESSAGE_ERROR,
				       .error = { .code = DPS_CODE_BUSY, .text = text } };
	struct dps_message again;
	size_t length;
	char *json;

	(void)state;
	for (unsigned int i = 0; i < 2000; i += 2)
		memcpy(text + i, "\xc3\xa9", 2);
	text[0] = text[1] = 'a';
	memmove(text + 1, text + 2, 1998);
	text[1999] = '\0';
	json = dps_message_encode(&message, &length);
	decode_text(&again, json);
	assert_int_equal(strlen(again.error.text), 1023);
	free(json);
	dps_message_fini(&again);

	strcpy(text, "cannot read \xe9t\xe9.pcap");
	json = dps_message_encode(&message, &length);
	decode_text(&again, json);
	assert_string_equal(again.error.text, "cannot read ?t?.pcap");
	free(json);
	dps_message_fini(&again);
}

static uint32_t encode_in_parts(const struct dps_message_file *files, uint32_t count)
{
	uint32_t parts = 0;

	for (uint32_t at = 0; at < count; parts++) {
		struct dps_message message = { .type = DPS_MESSAGE_OFFER_MORE,
					       .offer = { .first = at, .files = files + at } };
		struct dps_message again;
		size_t length;
		char *json;

		message.offer.files_count = dps_message_fit_files(files + at, count - at);
		assert_true(message.offer.files_count > 0);
		json = dps_message_encode(&message, &length);
		assert_non_null(json);
		assert_true(length <= DPS_FRAME_BYTES_MAX);
		decode_text(&again, json);
		assert_int_equal(again.offer.files_count, message.offer.files_count);
		at += again.offer.files_count;
		free(json);
		dps_message_fini(&again);
	}
	return parts;
}

static void fit_files__splits_so_that_every_frame_is_small_enough(void **state)
{
	enum { COUNT = 10000 };
	static char path[DPS_MESSAGE_PATH_BYTES_MAX + 1];
	static const int fills[] = { 'a', 1, '"', 0xff };
	struct dps_message_file *files = calloc(COUNT, sizeof(*files));

	(void)state;
	assert_non_null(files);
	for (unsigned int i = 0; i < COUNT; i++)
		files[i] = (struct dps_message_file){ "capture-00001.pcap", 18,	      0644, 0,
						      DPS_OFFSET_MAX - 1,   INT64_MIN };
	assert_int_equal(encode_in_parts(files, COUNT), 2);
	for (size_t fill = 0; fill < 4; fill++) {
		memset(path, fills[fill], DPS_MESSAGE_PATH_BYTES_MAX);
		for (unsigned int i = 0; i < 500; i++) {
			files[i].path = path;
			files[i].path_bytes = DPS_MESSAGE_PATH_BYTES_MAX;
		}
		assert_true(encode_in_parts(files, 500) > 1);
	}
	free(files);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hello__survives_the_round_trip),
		cmocka_unit_test(hello__may_have_an_address_without_mac_or_ip),
		cmocka_unit_test(refuse__carries_only_what_it_is_about),
		cmocka_unit_test(offer__survives_the_round_trip),
		cmocka_unit_test(offer_more__counts_on_from_first),
		cmocka_unit_test(accept_and_digest__carry_digests),
		cmocka_unit_test(stored_same_different__carry_ranges),
		cmocka_unit_test(small_messages__survive_the_round_trip),
		cmocka_unit_test(decode__ignores_what_a_later_version_may_say),
		cmocka_unit_test(decode__takes_control_characters_out_of_sentences),
		cmocka_unit_test(encode__makes_any_sentence_fit),
		cmocka_unit_test(fit_files__splits_so_that_every_frame_is_small_enough),
	};

	return cmocka_run_group_tests_name("message", tests, NULL, NULL);
}
