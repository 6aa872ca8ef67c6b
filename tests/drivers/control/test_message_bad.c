/* SPDX-License-Identifier: BSD-3-Clause */
/* What a broken or hostile peer may send: a sentence each, never a crash. */
#include "drivers/control/frame_buffer.h"
#include "drivers/control/json_shape.h"
#include "drivers/control/message.h"
#include "tests/support/cmocka.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void assert_refused(const char *bytes, size_t length, const char *sentence)
{
	struct dps_message message;
	char error[DPS_MESSAGE_ERROR_BYTES];

	assert_int_equal(dps_message_decode(&message, (const uint8_t *)bytes, length, error),
			 DPS_CODE_PROTOCOL);
	if (!strstr(error, sentence))
		fail_msg("%s\nis answered: %s\nexpected: %s", bytes, error, sentence);
	assert_null(message.text);
	assert_null(message.items);
}

#define FILE_JSON(path, size, mode, kind)                                                          \
	"{" path ",\"size\":" size ",\"mtime_ns\":0,\"mode\":" mode ",\"kind\":" kind "}"
#define OFFER_JSON(files)                                                                          \
	"{\"type\":\"offer_more\",\"transfer\":\"00000000000000000000000000000000\","              \
	"\"channel\":0,\"first\":0,\"files\":[" files "]}"
#define HELLO_JSON(versions, id, address, chunk)                                                   \
	"{\"type\":\"hello\",\"versions\":" versions ",\"role\":\"export\",\"features\":[],"       \
	"\"software\":\"\",\"seal\":\"clear\",\"epoch\":0,\"connection_id\":" id                   \
	",\"address\":" address ",\"chunk_bytes\":" chunk                                          \
	",\"payload_bytes\":1408,\"window_bytes\":0}"
#define VERSIONS "{\"min\":1,\"max\":1}"
#define ID "\"0000000000000000\""
#define ADDRESS(mac, ip, port) "{\"mac\":" mac ",\"ip\":" ip ",\"udp_port\":" port ",\"mtu\":1500}"
#define HERE ADDRESS("null", "\"::1\"", "7420")

static void decode__names_what_is_wrong(void **state)
{
	static const char *const cases[][2] = {
		{ "x", "frame: content is not JSON" },
		{ "{", "not JSON" },
		{ "[]", "type is missing" },
		{ "{}", "type is missing" },
		{ "17", "not JSON" },
		{ "{\"type\":7}", "type is missing" },
		{ "{\"type\":\"error\"} x", "not JSON" },
		{ "{\"type\":\"error\",\"type\":\"error\"}", "not JSON" },
		{ "{\"type\":\"error\",\"code\":\"\xff\"}", "not JSON" },
		{ "{\"type\":\"error\",\"code\":\"a\\u0000b\"}", "not JSON" },
		{ "{\"type\":\"error\",\"text\":\"\"}", "error: code is missing" },
		{ HELLO_JSON(VERSIONS, ID, HERE, "4096,\"queues\":0"), "queues is out of range" },
		{ HELLO_JSON(VERSIONS, ID, HERE, "4096,\"more_paths\":7"),
		  "more_paths is not a list" },
		{ HELLO_JSON(
			  VERSIONS, ID, HERE,
			  "4096,\"more_paths\":[{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{}]"),
		  "more_paths has too many entries" },
		{ HELLO_JSON(VERSIONS, ID, HERE, "4096,\"more_paths\":[7]"),
		  "more_paths.connection_id is missing" },
		{ HELLO_JSON(VERSIONS, ID, HERE,
			     "4096,\"more_paths\":[{\"connection_id\":" ID ",\"udp_port\":0}]"),
		  "more_paths.udp_port is out of range" },
		{ "{\"type\":\"error\",\"code\":1,\"text\":\"\"}", "error: code is not a text" },
		{ "{\"type\":\"error\",\"code\":\"busy\",\"text\":null}", "text is missing" },
		{ "{\"type\":\"error\",\"code\":\"busy\",\"text\":[]}", "text is not a text" },
		{ "{\"type\":\"last\",\"channel\":0,\"files\":1.0}",
		  "files is not a whole number" },
		{ "{\"type\":\"last\",\"channel\":0,\"files\":true}",
		  "files is not a whole number" },
		{ "{\"type\":\"last\",\"channel\":-1,\"files\":1}", "channel is out of range" },
		{ "{\"type\":\"last\",\"channel\":4294967295,\"files\":1}",
		  "channel is out of range" },
		{ "{\"type\":\"last\",\"channel\":0,\"files\":1073741825}",
		  "files is out of range" },
		{ "{\"type\":\"last\",\"channel\":0,\"files\":1e3}",
		  "files is not a whole number" },
		{ "{\"type\":\"last\",\"channel\":0,\"files\":9223372036854775808}", "not JSON" },
		{ "{\"type\":\"last\",\"channel\":0,\"files\":1,\"bytes\":4611686018427387904}",
		  "bytes is out of range" },
		{ "{\"type\":\"resume\",\"transfer\":\"0\",\"channel\":0,"
		  "\"chunk_bytes\":4096,\"files\":0}",
		  "resume: transfer" },
		{ "{\"type\":\"attach\",\"transfer\":\"00000000000000000000000000000000\","
		  "\"channel\":0,\"epoch\":-1}",
		  "attach: epoch is out of range" },
		{ "{\"type\":\"resumed\",\"transfer\":\"00000000000000000000000000000000\","
		  "\"channel\":0,\"files_end\":1,\"partial\":[{\"file\":0,\"bytes\":0}]}",
		  "resumed: partial[0].bytes is out of range" },
		{ "{\"type\":\"refetch\",\"channel\":0,\"offset\":0,\"bytes\":0}",
		  "bytes is out of range" },
		{ "{\"type\":\"stored\",\"channel\":0,\"batch\":1,\"files\":{}}",
		  "files is not a list" },
		{ "{\"type\":\"stored\",\"channel\":0,\"batch\":1,\"files\":[3]}",
		  "files[0].range is not a pair" },
		{ "{\"type\":\"stored\",\"channel\":0,\"batch\":1,\"files\":[[1,2],[3]]}",
		  "files[1].range is not a pair" },
		{ "{\"type\":\"stored\",\"channel\":0,\"batch\":1,\"files\":[[2,1]]}",
		  "files[0].last is out of range" },
		{ "{\"type\":\"stored\",\"channel\":0,\"batch\":1,\"files\":[[0,1073741824]]}",
		  "files[0].last is out of range" },
		{ "{\"type\":\"digest\",\"channel\":0,\"files\":[{\"file\":0,\"size\":0,"
		  "\"digest\":\"00\"}]}",
		  "files[0].digest is not a hexadecimal" },
		{ "{\"type\":\"digest\",\"channel\":0,\"files\":[null]}",
		  "files[0].file is missing" },
		{ OFFER_JSON("7"), "files[0].path is missing" },
		{ OFFER_JSON(FILE_JSON("\"path\":\"\"", "0", "0", "\"file\"")),
		  "files[0].path is empty" },
		{ OFFER_JSON(FILE_JSON("\"path\":7", "0", "0", "\"file\"")), "path is not a text" },
		{ OFFER_JSON(FILE_JSON("\"path_b64\":7", "0", "0", "\"file\"")),
		  "path_b64 is not a text" },
		{ OFFER_JSON(FILE_JSON("\"path_b64\":\"YQ\"", "0", "0", "\"file\"")),
		  "path_b64 is not base64" },
		{ OFFER_JSON(FILE_JSON("\"path_b64\":\"YQBi\"", "0", "0", "\"file\"")),
		  "path_b64 has a zero byte in it" },
		{ OFFER_JSON(
			  FILE_JSON("\"path\":\"a\",\"path_b64\":\"YQ==\"", "0", "0", "\"file\"")),
		  "stands there twice" },
		{ OFFER_JSON(FILE_JSON("\"path\":\"a\"", "-1", "0", "\"file\"")),
		  "files[0].size is out of range" },
		{ OFFER_JSON(FILE_JSON("\"path\":\"a\"", "4611686018427387904", "0", "\"file\"")),
		  "files[0].size is out of range" },
		{ OFFER_JSON(FILE_JSON("\"path\":\"a\"", "0", "4096", "\"file\"")),
		  "files[0].mode is out of range" },
		{ OFFER_JSON(FILE_JSON("\"path\":\"a\"", "0", "0", "\"link\"")),
		  "files[0].kind is neither file nor dir" },
		{ OFFER_JSON(FILE_JSON("\"path\":\"a\"", "0", "0", "0")),
		  "files[0].kind is neither file nor dir" },
		{ OFFER_JSON(FILE_JSON("\"path\":\"a\"", "1", "0", "\"dir\"")),
		  "files[0].size is not 0 though this is a directory" },
		{ OFFER_JSON(FILE_JSON("\"path\":\"a\"", "null", "0", "\"dir\"")),
		  "files[0].size is not 0 though this is a directory" },
		{ HELLO_JSON("1", ID, HERE, "4096"), "versions is not an object" },
		{ HELLO_JSON("{\"min\":0,\"max\":1}", ID, HERE, "4096"), "versions.min is out of" },
		{ HELLO_JSON("{\"min\":2,\"max\":1}", ID, HERE, "4096"), "versions.max is out of" },
		{ HELLO_JSON("{\"min\":2}", ID, HERE, "4096"), "versions.max is missing" },
		{ HELLO_JSON(VERSIONS, "5", HERE, "4096"), "connection_id is not a hexadecimal" },
		{ HELLO_JSON(VERSIONS, "\"0x00000000000000\"", HERE, "4096"), "connection_id is" },
		{ HELLO_JSON(VERSIONS, ID, "[]", "4096"), "address is not an object" },
		{ HELLO_JSON(VERSIONS, ID, ADDRESS("\"00:00:00:00:00\"", "null", "1"), "4096"),
		  "address.mac is no MAC address" },
		{ HELLO_JSON(VERSIONS, ID, ADDRESS("\"00-00-00-00-00-00\"", "null", "1"), "4096"),
		  "address.mac is no MAC address" },
		{ HELLO_JSON(VERSIONS, ID, ADDRESS("1", "null", "1"), "4096"),
		  "address.mac is no" },
		{ HELLO_JSON(VERSIONS, ID, ADDRESS("null", "\"fe80::1%eth0\"", "1"), "4096"),
		  "address.ip is no IP address" },
		{ HELLO_JSON(VERSIONS, ID, ADDRESS("null", "7", "1"), "4096"), "address.ip is no" },
		{ HELLO_JSON(VERSIONS, ID, ADDRESS("null", "null", "0"), "4096"),
		  "address.udp_port is out of range" },
		{ HELLO_JSON(VERSIONS, ID, HERE, "4095"), "chunk_bytes is out of range" },
		{ HELLO_JSON(VERSIONS, ID, HERE, "12288"), "chunk_bytes is not a power of two" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_refused(cases[i][0], strlen(cases[i][0]), cases[i][1]);
}

static void decode__survives_every_cut_of_a_message(void **state)
{
	static const char whole[] =
		HELLO_JSON(VERSIONS, ID, ADDRESS("\"00:00:00:00:00:01\"", "\"::\"", "1"), "4096");
	struct dps_message message;
	char error[DPS_MESSAGE_ERROR_BYTES];

	(void)state;
	for (size_t length = 0; length < sizeof(whole) - 1; length++) {
		char *cut = malloc(length + 1);

		assert_non_null(cut);
		memcpy(cut, whole, length);
		cut[length] = '\0';
		assert_refused(cut, length, "not JSON");
		free(cut);
	}
	assert_int_equal(
		dps_message_decode(&message, (const uint8_t *)whole, sizeof(whole) - 1, error),
		DPS_CODE_NONE);
	dps_message_fini(&message);
}

static char *repeat(const char *head, const char *part, size_t count, const char *tail,
		    size_t *length)
{
	size_t part_bytes = strlen(part);
	char *text = malloc(strlen(head) + part_bytes * count + strlen(tail) + 1);
	char *to = text;

	assert_non_null(text);
	to = stpcpy(to, head);
	for (size_t i = 0; i < count; i++)
		to = stpcpy(to, part);
	to = stpcpy(to, tail);
	*length = (size_t)(to - text);
	return text;
}

static void decode__refuses_bombs_before_parsing(void **state)
{
	static const struct {
		const char *head, *part;
		size_t count;
	} bombs[] = {
		{ "", "[", 100000 },	      { "{\"type\":\"error\",\"x\":", "{\"x\":", 9 },
		{ "[", "[],", 300000 },	      { "[", "0,", 400000 },
		{ "[", "\"\\\"\",", 140000 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bombs) / sizeof(bombs[0]); i++) {
		size_t length;
		char *text = repeat(bombs[i].head, bombs[i].part, bombs[i].count, "", &length);

		assert_refused(text, length, "nested too deep or has too many values");
		free(text);
	}
}

static void is_small__is_not_fooled_by_strings(void **state)
{
	static const char brackets[] = "{\"type\":\"[[[[[[[[[[{{{{{{{{\\\"[[[[[[[[[[\"}";

	(void)state;
	assert_true(dps_json_is_small((const uint8_t *)brackets, strlen(brackets)));
	assert_true(dps_json_is_small((const uint8_t *)"[[[[[[[[]]]]]]]]", 16));
	assert_false(dps_json_is_small((const uint8_t *)"[[[[[[[[[]]]]]]]]]", 18));
	assert_true(dps_json_is_small((const uint8_t *)"\"\\", 2));
}

static void decode__limits_lists_and_texts(void **state)
{
	size_t length;
	char *text;

	(void)state;
	text = repeat("{\"type\":\"stored\",\"channel\":0,\"batch\":0,\"files\":[[0,0]", ",[0,0]",
		      DPS_MESSAGE_ITEMS_MAX, "]}", &length);
	assert_refused(text, length, "files has too many entries");
	free(text);
	text = repeat("{\"type\":\"error\",\"code\":\"busy\",\"text\":\"", "a",
		      DPS_MESSAGE_TEXT_BYTES_MAX + 1, "\"}", &length);
	assert_refused(text, length, "text is too long");
	free(text);
	text = repeat("{\"type\":\"refuse\",\"code\":\"busy\",\"text\":\"\",\"path\":\"", "a",
		      DPS_MESSAGE_PATH_BYTES_MAX + 1, "\"}", &length);
	assert_refused(text, length, "path is empty or longer than 4096 bytes");
	free(text);
	text = repeat("{\"type\":\"refuse\",\"code\":\"busy\",\"text\":\"\",\"path_b64\":\"",
		      "YWFh", DPS_MESSAGE_PATH_BYTES_MAX, "\"}", &length);
	assert_refused(text, length, "path_b64 is too long");
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(decode__names_what_is_wrong),
		cmocka_unit_test(decode__survives_every_cut_of_a_message),
		cmocka_unit_test(decode__refuses_bombs_before_parsing),
		cmocka_unit_test(is_small__is_not_fooled_by_strings),
		cmocka_unit_test(decode__limits_lists_and_texts),
	};

	return cmocka_run_group_tests_name("message_bad", tests, NULL, NULL);
}
