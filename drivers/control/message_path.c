/* SPDX-License-Identifier: BSD-3-Clause */
#include "drivers/control/frame_buffer.h"
#include "drivers/control/message_field.h"
#include "drivers/encoding/encoding.h"
#include <dps/assert.h>
#include <string.h>

enum {
	/* {"path_b64":"","size":<19 digits>,"mtime_ns":<20>,"mode":<4>,"kind":"file"}, */
	FILE_JSON_BYTES = 128,
	OFFER_JSON_BYTES = 4096, /* what stands around the list */
	BASE64_PATH_BYTES_MAX = (DPS_MESSAGE_PATH_BYTES_MAX + 2) / 3 * 4,
};

static bool read_base64(struct dps_reader *reader, const json_t *value, uint8_t *to,
			ptrdiff_t *length)
{
	if (!json_is_string(value))
		return dps_reader_fail(reader, "path_b64", "is not a text");
	if (json_string_length(value) > BASE64_PATH_BYTES_MAX)
		return dps_reader_fail(reader, "path_b64", "is too long");
	*length = dps_base64_decode(json_string_value(value), json_string_length(value), to);
	if (*length < 0)
		return dps_reader_fail(reader, "path_b64", "is not base64");
	if (memchr(to, '\0', (size_t)*length))
		return dps_reader_fail(reader, "path_b64", "has a zero byte in it");
	return true;
}

static bool read_plain(struct dps_reader *reader, const json_t *value, uint8_t *to,
		       ptrdiff_t *length)
{
	if (!json_is_string(value))
		return dps_reader_fail(reader, "path", "is not a text");
	*length = (ptrdiff_t)json_string_length(value);
	memcpy(to, json_string_value(value), (size_t)*length);
	return true;
}

bool dps_read_path(struct dps_reader *reader, const json_t *object, bool is_optional,
		   const char **path, uint32_t *path_bytes)
{
	const json_t *plain = dps_object_get(object, "path");
	const json_t *base64 = dps_object_get(object, "path_b64");
	char *to = reader->message->text + reader->text_used;
	ptrdiff_t length = 0;

	*path = NULL;
	*path_bytes = 0;
	if (!plain && !base64)
		return is_optional || dps_reader_fail(reader, "path", "is missing");
	if (plain && base64)
		return dps_reader_fail(reader, "path", "stands there twice, plain and in base64");
	if (!(plain ? read_plain(reader, plain, (uint8_t *)to, &length)
		    : read_base64(reader, base64, (uint8_t *)to, &length)))
		return false;
	if (length == 0 || length > DPS_MESSAGE_PATH_BYTES_MAX)
		return dps_reader_fail(reader, "path", "is empty or longer than 4096 bytes");
	DPS_ASSERT((size_t)length < reader->text_room - reader->text_used);
	to[length] = '\0';
	reader->text_used += (size_t)length + 1;
	*path = to;
	*path_bytes = (uint32_t)length;
	return true;
}

bool dps_write_path(json_t *object, const char *path, uint32_t path_bytes)
{
	char base64[BASE64_PATH_BYTES_MAX + 1];
	json_t *plain;

	DPS_ASSERT(path_bytes > 0 && path_bytes <= DPS_MESSAGE_PATH_BYTES_MAX);
	plain = json_stringn(path, path_bytes); /* NULL for what is not UTF-8 */
	if (plain)
		return dps_object_add(object, "path", plain);
	dps_base64_encode((const uint8_t *)path, path_bytes, base64);
	return dps_object_add(object, "path_b64", json_string(base64));
}

/* Most bytes that a path takes in JSON, whether it turns out to be UTF-8 or not. */
static size_t path_json_bytes(const struct dps_message_file *file)
{
	size_t plain = 0, base64 = dps_base64_bytes(file->path_bytes);

	for (uint32_t i = 0; i < file->path_bytes; i++) {
		uint8_t byte = (uint8_t)file->path[i];

		plain += byte < 0x20 ? 6 : byte == '"' || byte == '\\' ? 2 : 1;
	}
	return plain > base64 ? plain : base64;
}

uint32_t dps_message_fit_files(const struct dps_message_file *files, uint32_t count)
{
	size_t bytes = OFFER_JSON_BYTES;
	uint32_t fit = 0;

	for (; fit < count && fit < DPS_MESSAGE_ITEMS_MAX; fit++) {
		bytes += FILE_JSON_BYTES + path_json_bytes(&files[fit]);
		if (bytes > DPS_FRAME_BYTES_MAX)
			break;
	}
	return fit;
}
