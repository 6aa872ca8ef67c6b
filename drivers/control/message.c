/* SPDX-License-Identifier: BSD-3-Clause */
#include "drivers/control/message.h"
#include "drivers/control/frame_buffer.h"
#include "drivers/control/json_shape.h"
#include "drivers/control/message_field.h"
#include <dps/assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define AT(member) .offset = offsetof(struct dps_message, member)
#define COUNT_AT(member) .count_offset = offsetof(struct dps_message, member)
#define OPTIONAL .is_optional = true
#define UP_TO(limit) .min = 0, .max = (limit)
#define BETWEEN(low, high) .min = (low), .max = (high)
#define OFFSET UP_TO((int64_t)DPS_OFFSET_MAX - 1)
#define CHANNEL(member)                                                                            \
	{                                                                                          \
		"channel", DPS_FIELD_U32, AT(member), UP_TO(UINT32_MAX - 1)                        \
	}
#define FILE_INDEX(member)                                                                         \
	{                                                                                          \
		"file", DPS_FIELD_U32, AT(member), UP_TO(DPS_FILES_MAX - 1)                        \
	}
#define CODE(member)                                                                               \
	{                                                                                          \
		"code", DPS_FIELD_CODE, AT(member)                                                 \
	}
#define TEXT(member)                                                                               \
	{                                                                                          \
		"text", DPS_FIELD_TEXT, AT(member), UP_TO(DPS_MESSAGE_TEXT_BYTES_MAX)              \
	}

static const struct dps_field hello_fields[] = {
	{ "versions", DPS_FIELD_VERSIONS, AT(hello.version_min) },
	{ "role", DPS_FIELD_ROLE, AT(hello.role) },
	{ "features", DPS_FIELD_FEATURES, AT(hello.features), COUNT_AT(hello.features_count) },
	{ "software", DPS_FIELD_TEXT, AT(hello.software), UP_TO(DPS_MESSAGE_TEXT_BYTES_MAX) },
	{ "seal", DPS_FIELD_TEXT, AT(hello.seal), UP_TO(DPS_MESSAGE_WORD_BYTES_MAX) },
	{ "epoch", DPS_FIELD_U64, AT(hello.epoch), UP_TO(INT64_MAX) },
	{ "connection_id", DPS_FIELD_HEX64, AT(hello.connection_id) },
	{ "address", DPS_FIELD_ADDRESS, AT(hello.address) },
	{ "chunk_bytes", DPS_FIELD_POWER, AT(hello.chunk_bytes),
	  BETWEEN(DPS_PAGE_BYTES, DPS_MESSAGE_CHUNK_BYTES_MAX) },
	{ "payload_bytes", DPS_FIELD_U32, AT(hello.payload_bytes),
	  BETWEEN(1, DPS_PAYLOAD_BYTES_MAX) },
	{ "window_bytes", DPS_FIELD_U64, AT(hello.window_bytes), OFFSET },
	{ "queues", DPS_FIELD_U32, OPTIONAL, AT(hello.queues), BETWEEN(1, DPS_MESSAGE_QUEUES_MAX) },
	{ "more_paths", DPS_FIELD_WAYS, OPTIONAL, AT(hello.more_paths) },
	{ .name = NULL },
};

static const struct dps_field refuse_fields[] = {
	CODE(refuse.code),
	{ "channel", DPS_FIELD_U32, OPTIONAL, AT(refuse.channel), UP_TO(UINT32_MAX - 1) },
	TEXT(refuse.text),
	{ "needed_bytes", DPS_FIELD_U64, OPTIONAL, AT(refuse.needed_bytes), UP_TO(INT64_MAX) },
	{ "available_bytes", DPS_FIELD_U64, OPTIONAL, AT(refuse.available_bytes),
	  UP_TO(INT64_MAX) },
	{ "versions", DPS_FIELD_VERSIONS, OPTIONAL, AT(refuse.version_min) },
	{ "path", DPS_FIELD_PATH, OPTIONAL, AT(refuse.path), COUNT_AT(refuse.path_bytes) },
	{ .name = NULL },
};

static const struct dps_field offer_fields[] = {
	{ "transfer", DPS_FIELD_TRANSFER, AT(offer.transfer) },
	CHANNEL(offer.channel),
	{ "chunk_bytes", DPS_FIELD_POWER, AT(offer.chunk_bytes),
	  BETWEEN(DPS_PAGE_BYTES, DPS_MESSAGE_CHUNK_BYTES_MAX) },
	{ "total_files", DPS_FIELD_U64, OPTIONAL, AT(offer.total_files), UP_TO(DPS_FILES_MAX) },
	{ "total_bytes", DPS_FIELD_U64, OPTIONAL, AT(offer.total_bytes), OFFSET },
	{ "files", DPS_FIELD_FILES, AT(offer.files), COUNT_AT(offer.files_count) },
	{ .name = NULL },
};

static const struct dps_field offer_more_fields[] = {
	{ "transfer", DPS_FIELD_TRANSFER, AT(offer.transfer) },
	CHANNEL(offer.channel),
	{ "first", DPS_FIELD_U32, AT(offer.first), UP_TO(DPS_FILES_MAX - DPS_MESSAGE_ITEMS_MAX) },
	{ "files", DPS_FIELD_FILES, AT(offer.files), COUNT_AT(offer.files_count) },
	{ .name = NULL },
};

/* file_more and held, too */
static const struct dps_field file_end_fields[] = {
	CHANNEL(file_end.channel),
	FILE_INDEX(file_end.file),
	{ "size", DPS_FIELD_U64, AT(file_end.size_bytes), OFFSET },
	{ .name = NULL },
};

static const struct dps_field last_fields[] = {
	CHANNEL(last.channel),
	{ "files", DPS_FIELD_U64, AT(last.files), UP_TO(DPS_FILES_MAX) },
	{ "bytes", DPS_FIELD_U64, OPTIONAL, AT(last.bytes), OFFSET },
	{ .name = NULL },
};

static const struct dps_field done_fields[] = {
	CHANNEL(done.channel),
	{ "files", DPS_FIELD_U64, AT(done.files), UP_TO(DPS_FILES_MAX) },
	{ "bytes", DPS_FIELD_U64, AT(done.bytes), OFFSET },
	{ "failed", DPS_FIELD_U64, AT(done.failed), UP_TO(DPS_FILES_MAX) },
	{ .name = NULL },
};

static const struct dps_field accept_fields[] = {
	{ "transfer", DPS_FIELD_TRANSFER, AT(accept.transfer) },
	CHANNEL(accept.channel),
	{ "files_end", DPS_FIELD_U32, AT(accept.files_end), UP_TO(DPS_FILES_MAX) },
	{ "have", DPS_FIELD_ITEMS, AT(accept.items), COUNT_AT(accept.items_count) },
	{ .name = NULL },
};

/* digest and partial */
static const struct dps_field digest_fields[] = {
	CHANNEL(digest.channel),
	{ "files", DPS_FIELD_ITEMS, AT(digest.items), COUNT_AT(digest.items_count) },
	{ .name = NULL },
};

/* same and different */
static const struct dps_field same_fields[] = {
	CHANNEL(same.channel),
	{ "files", DPS_FIELD_RANGES, AT(same.ranges), COUNT_AT(same.ranges_count) },
	{ .name = NULL },
};

static const struct dps_field stored_fields[] = {
	CHANNEL(stored.channel),
	{ "batch", DPS_FIELD_U64, AT(stored.batch), UP_TO(INT64_MAX) },
	{ "files", DPS_FIELD_RANGES, AT(stored.ranges), COUNT_AT(stored.ranges_count) },
	{ .name = NULL },
};

static const struct dps_field file_failed_fields[] = {
	CHANNEL(file_failed.channel),
	FILE_INDEX(file_failed.file),
	CODE(file_failed.code),
	TEXT(file_failed.text),
	{ .name = NULL },
};

static const struct dps_field skip_fields[] = {
	CHANNEL(skip.channel),
	FILE_INDEX(skip.file),
	{ "from", DPS_FIELD_U64, AT(skip.from_bytes), OFFSET },
	CODE(skip.code),
	TEXT(skip.text),
	{ .name = NULL },
};

static const struct dps_field refetch_fields[] = {
	CHANNEL(refetch.channel),
	{ "offset", DPS_FIELD_U64, AT(refetch.offset), OFFSET },
	{ "bytes", DPS_FIELD_U64, AT(refetch.bytes), BETWEEN(1, (int64_t)DPS_OFFSET_MAX - 1) },
	{ .name = NULL },
};

static const struct dps_field blocked_fields[] = {
	CHANNEL(blocked.channel),
	{ "why", DPS_FIELD_WHY, AT(blocked.why) },
	{ .name = NULL },
};

static const struct dps_field resume_fields[] = {
	{ "transfer", DPS_FIELD_TRANSFER, AT(resume.transfer) },
	CHANNEL(resume.channel),
	{ "chunk_bytes", DPS_FIELD_POWER, AT(resume.chunk_bytes),
	  BETWEEN(DPS_PAGE_BYTES, DPS_MESSAGE_CHUNK_BYTES_MAX) },
	{ "files", DPS_FIELD_U32, AT(resume.files), UP_TO(DPS_FILES_MAX) },
	{ .name = NULL },
};

static const struct dps_field resumed_fields[] = {
	{ "transfer", DPS_FIELD_TRANSFER, AT(resumed.transfer) },
	CHANNEL(resumed.channel),
	{ "files_end", DPS_FIELD_U32, AT(resumed.files_end), UP_TO(DPS_FILES_MAX) },
	{ "partial", DPS_FIELD_HOLDS, AT(resumed.holds), COUNT_AT(resumed.holds_count) },
	{ .name = NULL },
};

static const struct dps_field attach_fields[] = {
	{ "transfer", DPS_FIELD_TRANSFER, AT(attach.transfer) },
	CHANNEL(attach.channel),
	{ "epoch", DPS_FIELD_U64, AT(attach.epoch), UP_TO(INT64_MAX) },
	{ .name = NULL },
};

static const struct dps_field attached_fields[] = {
	{ "transfer", DPS_FIELD_TRANSFER, AT(attached.transfer) },
	CHANNEL(attached.channel),
	{ "files_end", DPS_FIELD_U32, AT(attached.files_end), UP_TO(DPS_FILES_MAX) },
	{ "offered_end", DPS_FIELD_U32, AT(attached.offered_end), UP_TO(DPS_FILES_MAX) },
	{ .name = NULL },
};

static const struct dps_field cancel_fields[] = {
	CHANNEL(cancel.channel),
	CODE(cancel.code),
	TEXT(cancel.text),
	{ .name = NULL },
};

static const struct dps_field error_fields[] = {
	CODE(error.code),
	TEXT(error.text),
	{ .name = NULL },
};

static const struct {
	const char *name;
	const struct dps_field *fields;
} types[DPS_MESSAGE_TYPES_COUNT] = {
	[DPS_MESSAGE_UNKNOWN] = { "unknown", NULL },
	[DPS_MESSAGE_HELLO] = { "hello", hello_fields },
	[DPS_MESSAGE_REFUSE] = { "refuse", refuse_fields },
	[DPS_MESSAGE_OFFER] = { "offer", offer_fields },
	[DPS_MESSAGE_OFFER_MORE] = { "offer_more", offer_more_fields },
	[DPS_MESSAGE_FILE_MORE] = { "file_more", file_end_fields },
	[DPS_MESSAGE_FILE_END] = { "file_end", file_end_fields },
	[DPS_MESSAGE_LAST] = { "last", last_fields },
	[DPS_MESSAGE_ACCEPT] = { "accept", accept_fields },
	[DPS_MESSAGE_PARTIAL] = { "partial", digest_fields },
	[DPS_MESSAGE_SAME] = { "same", same_fields },
	[DPS_MESSAGE_DIFFERENT] = { "different", same_fields },
	[DPS_MESSAGE_DIGEST] = { "digest", digest_fields },
	[DPS_MESSAGE_STORED] = { "stored", stored_fields },
	[DPS_MESSAGE_HELD] = { "held", file_end_fields },
	[DPS_MESSAGE_FILE_FAILED] = { "file_failed", file_failed_fields },
	[DPS_MESSAGE_SKIP] = { "skip", skip_fields },
	[DPS_MESSAGE_REFETCH] = { "refetch", refetch_fields },
	[DPS_MESSAGE_BLOCKED] = { "blocked", blocked_fields },
	[DPS_MESSAGE_CANCEL] = { "cancel", cancel_fields },
	[DPS_MESSAGE_DONE] = { "done", done_fields },
	[DPS_MESSAGE_RESUME] = { "resume", resume_fields },
	[DPS_MESSAGE_RESUMED] = { "resumed", resumed_fields },
	[DPS_MESSAGE_ATTACH] = { "attach", attach_fields },
	[DPS_MESSAGE_ATTACHED] = { "attached", attached_fields },
	[DPS_MESSAGE_ERROR] = { "error", error_fields },
};

const char *dps_message_type_name(enum dps_message_type type)
{
	DPS_ASSERT(type < DPS_MESSAGE_TYPES_COUNT);
	return types[type].name;
}

bool dps_reader_fail(struct dps_reader *reader, const char *name, const char *what)
{
	reader->code = DPS_CODE_PROTOCOL;
	if (reader->list)
		snprintf(reader->error, DPS_MESSAGE_ERROR_BYTES,
			 "the peer sent a broken message: %s: %s[%u].%s %s", reader->type,
			 reader->list, reader->index, name, what);
	else
		snprintf(reader->error, DPS_MESSAGE_ERROR_BYTES,
			 "the peer sent a broken message: %s: %s %s", reader->type, name, what);
	return false;
}

bool dps_reader_fail_memory(struct dps_reader *reader)
{
	reader->code = DPS_CODE_INTERNAL;
	snprintf(reader->error, DPS_MESSAGE_ERROR_BYTES, "no memory for a control message");
	return false;
}

static bool is_list(enum dps_field_kind kind)
{
	return kind >= DPS_FIELD_FEATURES;
}

static bool read_field(struct dps_reader *reader, const struct dps_field *field,
		       const json_t *object)
{
	uint8_t *base = (uint8_t *)reader->message;
	void *to = base + field->offset;
	uint32_t *count = (uint32_t *)(void *)(base + field->count_offset);
	const json_t *value;

	if (field->kind == DPS_FIELD_PATH)
		return dps_read_path(reader, object, field->is_optional, to, count);
	value = dps_object_get(object, field->name);
	if (!value && !field->is_optional)
		return dps_reader_fail(reader, field->name, "is missing");
	if (is_list(field->kind))
		return dps_read_list(reader, field, value, to, count);
	return dps_read_value(reader, field, value, to);
}

static enum dps_message_type find_type(const char *name)
{
	for (unsigned int type = DPS_MESSAGE_HELLO; type < DPS_MESSAGE_TYPES_COUNT; type++)
		if (strcmp(types[type].name, name) == 0)
			return (enum dps_message_type)type;
	return DPS_MESSAGE_UNKNOWN;
}

static void read_message(struct dps_reader *reader, const json_t *root)
{
	struct dps_message *message = reader->message;
	const json_t *type = json_object_get(root, "type"); /* NULL, too, if root is no object */

	if (!json_is_string(type)) {
		dps_reader_fail(reader, "type", "is missing");
		return;
	}
	message->type = find_type(json_string_value(type));
	if (message->type == DPS_MESSAGE_UNKNOWN)
		return;
	reader->type = types[message->type].name;
	message->text = malloc(reader->text_room);
	if (!message->text) {
		dps_reader_fail_memory(reader);
		return;
	}
	for (const struct dps_field *field = types[message->type].fields; field->name; field++)
		if (!read_field(reader, field, root))
			return;
}

enum dps_control_code dps_message_decode(struct dps_message *message, const uint8_t *bytes,
					 size_t length, char error[DPS_MESSAGE_ERROR_BYTES])
{
	/* Decoded, a text takes its bytes and a NUL; in JSON its bytes and two quotes. */
	struct dps_reader reader = {
		.message = message, .type = "frame", .text_room = length, .error = error
	};
	json_error_t json_error;
	json_t *root;

	memset(message, 0, sizeof(*message));
	error[0] = '\0';
	if (!dps_json_is_small(bytes, length)) {
		dps_reader_fail(&reader, "JSON", "is nested too deep or has too many values");
		return reader.code;
	}
	root = json_loadb((const char *)bytes, length, JSON_REJECT_DUPLICATES, &json_error);
	if (!root) {
		if (json_error_code(&json_error) == json_error_out_of_memory)
			dps_reader_fail_memory(&reader);
		else
			dps_reader_fail(&reader, "content", "is not JSON");
		return reader.code;
	}
	read_message(&reader, root);
	json_decref(root);
	if (reader.code != DPS_CODE_NONE)
		dps_message_fini(message);
	return reader.code;
}

void dps_message_fini(struct dps_message *message)
{
	free(message->text);
	free(message->items);
	memset(message, 0, sizeof(*message));
}

static bool write_field(json_t *object, const struct dps_field *field,
			const struct dps_message *message)
{
	const uint8_t *base = (const uint8_t *)message;
	const void *from = base + field->offset;
	uint32_t count;

	memcpy(&count, base + field->count_offset, sizeof(count));
	if (field->kind == DPS_FIELD_PATH) {
		const char *path = *(const char *const *)from;

		return !path || dps_write_path(object, path, count);
	}
	if (is_list(field->kind))
		return dps_object_add(object, field->name,
				      dps_write_list(field, *(const void *const *)from, count));
	return dps_object_add(object, field->name, dps_write_value(field, from));
}

static bool write_message(json_t *object, const struct dps_message *message)
{
	const struct dps_field *field = types[message->type].fields;

	if (!dps_object_add(object, "type", json_string(types[message->type].name)))
		return false;
	for (; field->name; field++)
		if (!write_field(object, field, message))
			return false;
	return true;
}

char *dps_message_encode(const struct dps_message *message, size_t *length)
{
	json_t *object = json_object();
	char *text = NULL;

	DPS_ASSERT(message->type > DPS_MESSAGE_UNKNOWN && message->type < DPS_MESSAGE_TYPES_COUNT);
	if (object && write_message(object, message))
		text = json_dumps(object, JSON_COMPACT);
	json_decref(object);
	if (text) {
		*length = strlen(text);
		DPS_ASSERT(*length <= DPS_FRAME_BYTES_MAX);
	}
	return text;
}
