/* SPDX-License-Identifier: BSD-3-Clause */
/* Message field: one line of the tables in message.c, and how each kind is read and written. */
#pragma once
#include "drivers/control/message.h"
#include <jansson.h>

enum dps_field_kind {
	DPS_FIELD_U32, /* numbers min..max; absent: all bits set */
	DPS_FIELD_U64,
	DPS_FIELD_POWER, /* a u32 and a power of two */
	DPS_FIELD_TEXT,	 /* at most max bytes; absent: NULL */
	DPS_FIELD_CODE,
	DPS_FIELD_ROLE,
	DPS_FIELD_WHY,
	DPS_FIELD_TRANSFER, /* 16 bytes as hexadecimal text */
	DPS_FIELD_HEX64,    /* a u64 as 16 hexadecimal digits */
	DPS_FIELD_VERSIONS, /* two u32, min and max; absent: 0 and 0 */
	DPS_FIELD_ADDRESS,
	DPS_FIELD_WAYS,	    /* absent: none */
	DPS_FIELD_PATH,	    /* a pointer, and its u32 length at count_offset */
	DPS_FIELD_FEATURES, /* lists: a pointer, and its u32 length at count_offset */
	DPS_FIELD_FILES,
	DPS_FIELD_ITEMS,
	DPS_FIELD_RANGES,
	DPS_FIELD_HOLDS,
};

struct dps_field {
	const char *name;
	enum dps_field_kind kind;
	bool is_optional;
	size_t offset; /* in struct dps_message */
	size_t count_offset;
	int64_t min;
	int64_t max;
};

/* A message being decoded. Every read function returns false when it has called fail. */
struct dps_reader {
	struct dps_message *message;
	const char *type;
	size_t text_used;
	size_t text_room;
	const char *list; /* while in a list: its name ... */
	uint32_t index;	  /* ... and the place in it */
	char *error;
	enum dps_control_code code;
};

/* Notes that a field of the message "is missing", "is not a text", ...; returns false. */
bool dps_reader_fail(struct dps_reader *reader, const char *name, const char *what);

/* Notes that there is no memory; returns false. */
bool dps_reader_fail_memory(struct dps_reader *reader);

/* message_values.c: single values. A read value of NULL means absent, where that is allowed. */
bool dps_read_integer(struct dps_reader *reader, const json_t *value, const char *name, int64_t min,
		      int64_t max, int64_t *number);
bool dps_read_text(struct dps_reader *reader, const json_t *value, const char *name, size_t max,
		   const char **text);
bool dps_read_hex(struct dps_reader *reader, const json_t *value, const char *name, uint8_t *bytes,
		  size_t length);
bool dps_read_value(struct dps_reader *reader, const struct dps_field *field, const json_t *value,
		    void *to);
/* A field of an object that lists are made of; null counts as missing. */
const json_t *dps_object_get(const json_t *object, const char *name);

json_t *dps_write_hex(const uint8_t *bytes, size_t length);
/* The JSON of a value; JSON null for an optional one that is absent; NULL without memory. */
json_t *dps_write_value(const struct dps_field *field, const void *from);
/* Adds what is not null; false without memory. Takes value. */
bool dps_object_add(json_t *object, const char *name, json_t *value);

/* message_path.c */
bool dps_read_path(struct dps_reader *reader, const json_t *object, bool is_optional,
		   const char **path, uint32_t *path_bytes);
bool dps_write_path(json_t *object, const char *path, uint32_t path_bytes);

/* message_lists.c: to points to the list's pointer, count to its length. */
bool dps_read_list(struct dps_reader *reader, const struct dps_field *field, const json_t *value,
		   void *to, uint32_t *count);
json_t *dps_write_list(const struct dps_field *field, const void *from, uint32_t count);
