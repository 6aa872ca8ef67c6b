/* SPDX-License-Identifier: BSD-3-Clause */
#include "drivers/control/message_field.h"
#include <dps/assert.h>
#include <stdlib.h>
#include <string.h>

static const char *const kind_names[DPS_FILE_KINDS_COUNT] = {
	[DPS_FILE_REGULAR] = "file",
	[DPS_FILE_DIRECTORY] = "dir",
};

static bool read_kind(struct dps_reader *reader, const json_t *value, uint8_t *kind)
{
	for (uint8_t i = 0; json_is_string(value) && i < DPS_FILE_KINDS_COUNT; i++) {
		if (strcmp(json_string_value(value), kind_names[i]) == 0) {
			*kind = i;
			return true;
		}
	}
	return dps_reader_fail(reader, "kind", "is neither file nor dir");
}

static bool read_file(struct dps_reader *reader, const json_t *value, void *to)
{
	struct dps_message_file *file = to;
	const json_t *size = dps_object_get(value, "size");
	int64_t size_bytes, mode;

	if (!dps_read_path(reader, value, false, &file->path, &file->path_bytes) ||
	    !read_kind(reader, dps_object_get(value, "kind"), &file->kind) ||
	    !dps_read_integer(reader, dps_object_get(value, "mode"), "mode", 0, 07777, &mode) ||
	    !dps_read_integer(reader, dps_object_get(value, "mtime_ns"), "mtime_ns", INT64_MIN,
			      INT64_MAX, &file->mtime_ns))
		return false;
	file->mode = (uint16_t)mode;
	file->size_bytes = DPS_NUMBER_NONE;
	if (size) {
		if (!dps_read_integer(reader, size, "size", 0, (int64_t)DPS_OFFSET_MAX - 1,
				      &size_bytes))
			return false;
		file->size_bytes = (uint64_t)size_bytes;
	}
	if (file->kind == DPS_FILE_DIRECTORY && file->size_bytes != 0)
		return dps_reader_fail(reader, "size", "is not 0 though this is a directory");
	return true;
}

static bool read_item(struct dps_reader *reader, const json_t *value, void *to)
{
	struct dps_message_item *item = to;
	int64_t file, size_bytes;

	if (!dps_read_integer(reader, dps_object_get(value, "file"), "file", 0, DPS_FILES_MAX - 1,
			      &file) ||
	    !dps_read_integer(reader, dps_object_get(value, "size"), "size", 0,
			      (int64_t)DPS_OFFSET_MAX - 1, &size_bytes))
		return false;
	item->file = (uint32_t)file;
	item->size_bytes = (uint64_t)size_bytes;
	return dps_read_hex(reader, dps_object_get(value, "digest"), "digest", item->digest.bytes,
			    DPS_DIGEST_BYTES);
}

static bool read_range(struct dps_reader *reader, const json_t *value, void *to)
{
	struct dps_message_range *range = to;
	int64_t first, last;

	if (json_array_size(value) != 2) /* 0 for what is no array */
		return dps_reader_fail(reader, "range", "is not a pair");
	if (!dps_read_integer(reader, json_array_get(value, 0), "first", 0, DPS_FILES_MAX - 1,
			      &first) ||
	    !dps_read_integer(reader, json_array_get(value, 1), "last", first, DPS_FILES_MAX - 1,
			      &last))
		return false;
	range->first = (uint32_t)first;
	range->last = (uint32_t)last;
	return true;
}

static bool read_hold(struct dps_reader *reader, const json_t *value, void *to)
{
	struct dps_message_hold *hold = to;
	int64_t file, bytes;

	if (!dps_read_integer(reader, dps_object_get(value, "file"), "file", 0, DPS_FILES_MAX - 1,
			      &file) ||
	    !dps_read_integer(reader, dps_object_get(value, "bytes"), "bytes", 1,
			      (int64_t)DPS_OFFSET_MAX - 1, &bytes))
		return false;
	hold->file = (uint32_t)file;
	hold->bytes = (uint64_t)bytes;
	return true;
}

static bool read_feature(struct dps_reader *reader, const json_t *value, void *to)
{
	return dps_read_text(reader, value, "feature", DPS_MESSAGE_WORD_BYTES_MAX, to);
}

static json_t *write_file(const void *from)
{
	const struct dps_message_file *file = from;
	json_t *object = json_object();
	bool is_known = file->size_bytes != DPS_NUMBER_NONE;

	DPS_ASSERT(file->kind < DPS_FILE_KINDS_COUNT && file->mode <= 07777);
	DPS_ASSERT(!is_known || file->size_bytes < DPS_OFFSET_MAX);
	if (object && dps_write_path(object, file->path, file->path_bytes) &&
	    json_object_set_new(object, "size",
				is_known ? json_integer((json_int_t)file->size_bytes)
					 : json_null()) == 0 &&
	    dps_object_add(object, "mtime_ns", json_integer(file->mtime_ns)) &&
	    dps_object_add(object, "mode", json_integer(file->mode)) &&
	    dps_object_add(object, "kind", json_string(kind_names[file->kind])))
		return object;
	json_decref(object);
	return NULL;
}

static json_t *write_item(const void *from)
{
	const struct dps_message_item *item = from;
	json_t *object = json_object();

	DPS_ASSERT(item->file < DPS_FILES_MAX && item->size_bytes < DPS_OFFSET_MAX);
	if (object && dps_object_add(object, "file", json_integer(item->file)) &&
	    dps_object_add(object, "size", json_integer((json_int_t)item->size_bytes)) &&
	    dps_object_add(object, "digest", dps_write_hex(item->digest.bytes, DPS_DIGEST_BYTES)))
		return object;
	json_decref(object);
	return NULL;
}

static json_t *write_range(const void *from)
{
	const struct dps_message_range *range = from;

	DPS_ASSERT(range->first <= range->last && range->last < DPS_FILES_MAX);
	return json_pack("[I, I]", (json_int_t)range->first, (json_int_t)range->last);
}

static json_t *write_hold(const void *from)
{
	const struct dps_message_hold *hold = from;

	DPS_ASSERT(hold->file < DPS_FILES_MAX && hold->bytes > 0 && hold->bytes < DPS_OFFSET_MAX);
	return json_pack("{s:I, s:I}", "file", (json_int_t)hold->file, "bytes",
			 (json_int_t)hold->bytes);
}

static json_t *write_feature(const void *from)
{
	return json_string(*(const char *const *)from);
}

struct list_kind {
	bool (*read)(struct dps_reader *reader, const json_t *value, void *to);
	json_t *(*write)(const void *from);
	size_t item_bytes;
	uint32_t items_max;
};

static const struct list_kind *list_kind(enum dps_field_kind kind)
{
	static const struct list_kind files = { read_file, write_file,
						sizeof(struct dps_message_file),
						DPS_MESSAGE_ITEMS_MAX };
	static const struct list_kind items = { read_item, write_item,
						sizeof(struct dps_message_item),
						DPS_MESSAGE_ITEMS_MAX };
	static const struct list_kind ranges = { read_range, write_range,
						 sizeof(struct dps_message_range),
						 DPS_MESSAGE_ITEMS_MAX };
	static const struct list_kind holds = { read_hold, write_hold,
						sizeof(struct dps_message_hold),
						DPS_MESSAGE_ITEMS_MAX };
	static const struct list_kind features = { read_feature, write_feature,
						   sizeof(const char *), DPS_MESSAGE_FEATURES_MAX };

	switch (kind) {
	case DPS_FIELD_FILES:
		return &files;
	case DPS_FIELD_ITEMS:
		return &items;
	case DPS_FIELD_RANGES:
		return &ranges;
	case DPS_FIELD_HOLDS:
		return &holds;
	default:
		DPS_ASSERT(kind == DPS_FIELD_FEATURES);
		return &features;
	}
}

bool dps_read_list(struct dps_reader *reader, const struct dps_field *field, const json_t *value,
		   void *to, uint32_t *count)
{
	const struct list_kind *kind = list_kind(field->kind);
	size_t length = json_array_size(value);
	uint8_t *items;

	if (!json_is_array(value))
		return dps_reader_fail(reader, field->name, "is not a list");
	if (length > kind->items_max)
		return dps_reader_fail(reader, field->name, "has too many entries");
	DPS_ASSERT(!reader->message->items); /* one list per message */
	items = calloc(length + 1, kind->item_bytes);
	if (!items)
		return dps_reader_fail_memory(reader);
	reader->message->items = items;
	reader->list = field->name;
	for (reader->index = 0; reader->index < length; reader->index++)
		if (!kind->read(reader, json_array_get(value, reader->index),
				items + reader->index * kind->item_bytes))
			return false;
	reader->list = NULL;
	*(const void **)to = items;
	*count = (uint32_t)length;
	return true;
}

json_t *dps_write_list(const struct dps_field *field, const void *from, uint32_t count)
{
	const struct list_kind *kind = list_kind(field->kind);
	const uint8_t *items = from;
	json_t *array = json_array();

	DPS_ASSERT(count <= kind->items_max);
	for (uint32_t i = 0; array && i < count; i++) {
		if (json_array_append_new(array, kind->write(items + i * kind->item_bytes)) != 0) {
			json_decref(array);
			return NULL;
		}
	}
	return array;
}
