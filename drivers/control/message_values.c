/* SPDX-License-Identifier: BSD-3-Clause */
#include "drivers/control/message_field.h"
#include "drivers/encoding/encoding.h"
#include <arpa/inet.h>
#include <dps/assert.h>
#include <stdio.h>
#include <string.h>

static const char *const role_names[DPS_ROLES_COUNT] = {
	[DPS_ROLE_EXPORT] = "export",
	[DPS_ROLE_COLLECT] = "collect",
};

static const char *const why_names[DPS_BLOCKED_COUNT] = {
	[DPS_BLOCKED_NOTHING] = "nothing", [DPS_BLOCKED_SPACE] = "space",
	[DPS_BLOCKED_DISK] = "disk",	   [DPS_BLOCKED_SINK] = "sink",
	[DPS_BLOCKED_SOURCE] = "source",   [DPS_BLOCKED_OTHER] = "other",
};

const char *dps_blocked_why_name(enum dps_blocked_why why)
{
	DPS_ASSERT(why < DPS_BLOCKED_COUNT);
	return why_names[why];
}

const json_t *dps_object_get(const json_t *object, const char *name)
{
	const json_t *value = json_object_get(object, name);

	return json_is_null(value) ? NULL : value;
}

bool dps_read_integer(struct dps_reader *reader, const json_t *value, const char *name, int64_t min,
		      int64_t max, int64_t *number)
{
	if (!value)
		return dps_reader_fail(reader, name, "is missing");
	if (!json_is_integer(value))
		return dps_reader_fail(reader, name, "is not a whole number");
	*number = json_integer_value(value);
	if (*number < min || *number > max)
		return dps_reader_fail(reader, name, "is out of range");
	return true;
}

/* Sentences of the peer end up on terminals: no escape sequences, no new lines. */
static void replace_controls(char *text)
{
	for (uint8_t *at = (uint8_t *)text; *at; at++) {
		if (*at < 0x20 || *at == 0x7f)
			*at = '?';
		else if (at[0] == 0xc2 && at[1] >= 0x80 && at[1] < 0xa0) /* U+0080..U+009F */
			at[0] = at[1] = '?';
	}
}

bool dps_read_text(struct dps_reader *reader, const json_t *value, const char *name, size_t max,
		   const char **text)
{
	size_t length = json_string_length(value); /* 0 for NULL and other types */
	char *copy = reader->message->text + reader->text_used;

	if (!value)
		return dps_reader_fail(reader, name, "is missing");
	if (!json_is_string(value))
		return dps_reader_fail(reader, name, "is not a text");
	if (length > max)
		return dps_reader_fail(reader, name, "is too long");
	DPS_ASSERT(length < reader->text_room - reader->text_used);
	memcpy(copy, json_string_value(value), length + 1);
	replace_controls(copy);
	reader->text_used += length + 1;
	*text = copy;
	return true;
}

bool dps_read_hex(struct dps_reader *reader, const json_t *value, const char *name, uint8_t *bytes,
		  size_t length)
{
	if (!value)
		return dps_reader_fail(reader, name, "is missing");
	if (!json_is_string(value) || !dps_hex_decode(json_string_value(value), bytes, length))
		return dps_reader_fail(reader, name, "is not a hexadecimal text of its length");
	return true;
}

static bool read_hex64(struct dps_reader *reader, const json_t *value, const char *name,
		       uint64_t *number)
{
	uint8_t bytes[8];

	if (!dps_read_hex(reader, value, name, bytes, sizeof(bytes)))
		return false;
	*number = 0;
	for (unsigned int i = 0; i < sizeof(bytes); i++)
		*number = *number << 8 | bytes[i];
	return true;
}

/* The place of a word in names, or count. */
static uint32_t find_word(const json_t *value, const char *const *names, uint32_t count)
{
	uint32_t index = 0;

	while (index < count && strcmp(names[index], json_string_value(value)) != 0)
		index++;
	return index;
}

static bool read_word(struct dps_reader *reader, const struct dps_field *field, const json_t *value,
		      uint32_t *word)
{
	if (!json_is_string(value))
		return dps_reader_fail(reader, field->name, "is not a text");
	if (field->kind == DPS_FIELD_CODE) {
		*word = dps_control_code_from_name(json_string_value(value));
		return true;
	}
	if (field->kind == DPS_FIELD_WHY) {
		*word = find_word(value, why_names, DPS_BLOCKED_COUNT);
		if (*word == DPS_BLOCKED_COUNT)
			*word = DPS_BLOCKED_OTHER;
		return true;
	}
	*word = find_word(value, role_names, DPS_ROLES_COUNT);
	return *word < DPS_ROLES_COUNT ||
	       dps_reader_fail(reader, field->name, "is neither export nor collect");
}

static bool read_versions(struct dps_reader *reader, const struct dps_field *field,
			  const json_t *value, uint32_t *versions)
{
	int64_t min, max;

	versions[0] = versions[1] = 0;
	if (!value)
		return true;
	if (!json_is_object(value))
		return dps_reader_fail(reader, field->name, "is not an object");
	if (!dps_read_integer(reader, dps_object_get(value, "min"), "versions.min", 1, UINT16_MAX,
			      &min) ||
	    !dps_read_integer(reader, dps_object_get(value, "max"), "versions.max", min, UINT16_MAX,
			      &max))
		return false;
	versions[0] = (uint32_t)min;
	versions[1] = (uint32_t)max;
	return true;
}

static bool read_mac(const char *text, uint8_t mac[6])
{
	char digits[13];

	if (strlen(text) != 17)
		return false;
	for (unsigned int i = 0; i < 6; i++) {
		memcpy(digits + 2 * i, text + 3 * i, 2);
		if (i < 5 && text[3 * i + 2] != ':')
			return false;
	}
	digits[12] = '\0';
	return dps_hex_decode(digits, mac, 6);
}

static bool read_ip(struct dps_reader *reader, const json_t *ip, struct dps_address *address)
{
	const char *text = json_string_value(ip);

	if (!ip)
		return true;
	if (text && inet_pton(AF_INET, text, address->ip) == 1)
		address->family = DPS_ADDRESS_IPV4;
	else if (text && inet_pton(AF_INET6, text, address->ip) == 1)
		address->family = DPS_ADDRESS_IPV6;
	else
		return dps_reader_fail(reader, "address.ip", "is no IP address");
	return true;
}

static bool read_address(struct dps_reader *reader, const struct dps_field *field,
			 const json_t *value, struct dps_address *address)
{
	const json_t *mac = dps_object_get(value, "mac");
	int64_t udp_port, mtu;

	memset(address, 0, sizeof(*address));
	if (!json_is_object(value))
		return dps_reader_fail(reader, field->name, "is not an object");
	if (mac) {
		if (!json_is_string(mac) || !read_mac(json_string_value(mac), address->mac))
			return dps_reader_fail(reader, "address.mac", "is no MAC address");
		address->has_mac = 1;
	}
	if (!read_ip(reader, dps_object_get(value, "ip"), address) ||
	    !dps_read_integer(reader, dps_object_get(value, "udp_port"), "address.udp_port", 1,
			      UINT16_MAX, &udp_port) ||
	    !dps_read_integer(reader, dps_object_get(value, "mtu"), "address.mtu", 0, UINT16_MAX,
			      &mtu))
		return false;
	address->udp_port = (uint16_t)udp_port;
	address->mtu = (uint16_t)mtu;
	return true;
}

static bool read_ways(struct dps_reader *reader, const struct dps_field *field, const json_t *value,
		      struct dps_message_ways *ways)
{
	int64_t udp_port;

	memset(ways, 0, sizeof(*ways));
	if (value && !json_is_array(value))
		return dps_reader_fail(reader, field->name, "is not a list");
	if (json_array_size(value) > DPS_MESSAGE_WAYS_MAX)
		return dps_reader_fail(reader, field->name, "has too many entries");
	for (; ways->count < json_array_size(value); ways->count++) {
		const json_t *way = json_array_get(value, ways->count);
		struct dps_message_way *item = &ways->items[ways->count];

		if (!read_hex64(reader, dps_object_get(way, "connection_id"),
				"more_paths.connection_id", &item->connection_id) ||
		    !dps_read_integer(reader, dps_object_get(way, "udp_port"),
				      "more_paths.udp_port", 1, UINT16_MAX, &udp_port))
			return false;
		item->udp_port = (uint16_t)udp_port;
	}
	return true;
}

static bool read_number(struct dps_reader *reader, const struct dps_field *field,
			const json_t *value, void *to)
{
	bool is_wide = field->kind == DPS_FIELD_U64;
	int64_t number;

	if (!value) {
		memset(to, 0xff, is_wide ? sizeof(uint64_t) : sizeof(uint32_t));
		return true;
	}
	if (!dps_read_integer(reader, value, field->name, field->min, field->max, &number))
		return false;
	if (field->kind == DPS_FIELD_POWER && (number & (number - 1)))
		return dps_reader_fail(reader, field->name, "is not a power of two");
	if (is_wide)
		*(uint64_t *)to = (uint64_t)number;
	else
		*(uint32_t *)to = (uint32_t)number;
	return true;
}

bool dps_read_value(struct dps_reader *reader, const struct dps_field *field, const json_t *value,
		    void *to)
{
	switch (field->kind) {
	case DPS_FIELD_U32:
	case DPS_FIELD_U64:
	case DPS_FIELD_POWER:
		return read_number(reader, field, value, to);
	case DPS_FIELD_TEXT:
		return dps_read_text(reader, value, field->name, (size_t)field->max, to);
	case DPS_FIELD_CODE:
	case DPS_FIELD_ROLE:
	case DPS_FIELD_WHY:
		return read_word(reader, field, value, to);
	case DPS_FIELD_TRANSFER:
		return dps_read_hex(reader, value, field->name, to, 16);
	case DPS_FIELD_HEX64:
		return read_hex64(reader, value, field->name, to);
	case DPS_FIELD_VERSIONS:
		return read_versions(reader, field, value, to);
	case DPS_FIELD_ADDRESS:
		return read_address(reader, field, value, to);
	case DPS_FIELD_WAYS:
		return read_ways(reader, field, value, to);
	default:
		DPS_ASSERT(false);
	}
	return false;
}

json_t *dps_write_hex(const uint8_t *bytes, size_t length)
{
	char text[2 * 16 + 1];

	DPS_ASSERT(length <= 16);
	dps_hex_encode(bytes, length, text);
	return json_string(text);
}

static json_t *write_hex64(uint64_t number)
{
	uint8_t bytes[8];

	for (unsigned int i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(number >> (56 - 8 * i));
	return dps_write_hex(bytes, sizeof(bytes));
}

/* Sentences may name files of any bytes: what JSON cannot carry becomes '?', the end is cut off. */
static json_t *write_text(const char *text, size_t max)
{
	char clean[DPS_MESSAGE_TEXT_BYTES_MAX + 1];
	size_t length = text ? strlen(text) : 0;
	json_t *value;

	DPS_ASSERT(max < sizeof(clean));
	if (length > max)
		for (length = max; length > 0 && (text[length] & 0xc0) == 0x80; length--)
			;
	value = json_stringn(text ? text : "", length);
	if (value)
		return value;
	for (size_t i = 0; i < length; i++)
		clean[i] = text[i] & 0x80 ? '?' : text[i];
	return json_stringn(clean, length);
}

static json_t *write_versions(const uint32_t *versions)
{
	if (versions[1] == 0)
		return json_null();
	return json_pack("{s:I, s:I}", "min", (json_int_t)versions[0], "max",
			 (json_int_t)versions[1]);
}

static json_t *write_address(const struct dps_address *address)
{
	const uint8_t *mac = address->mac;
	char mac_text[18] = "";
	char ip_text[INET6_ADDRSTRLEN] = "";

	if (address->has_mac)
		snprintf(mac_text, sizeof(mac_text), "%02x:%02x:%02x:%02x:%02x:%02x", mac[0],
			 mac[1], mac[2], mac[3], mac[4], mac[5]);
	if (address->family != DPS_ADDRESS_NONE)
		inet_ntop(address->family == DPS_ADDRESS_IPV4 ? AF_INET : AF_INET6, address->ip,
			  ip_text, sizeof(ip_text));
	return json_pack("{s:s?, s:s?, s:i, s:i}", "mac", address->has_mac ? mac_text : NULL, "ip",
			 address->family != DPS_ADDRESS_NONE ? ip_text : NULL, "udp_port",
			 (int)address->udp_port, "mtu", (int)address->mtu);
}

static json_t *write_ways(const struct dps_message_ways *ways)
{
	json_t *array = ways->count > 0 ? json_array() : json_null();

	DPS_ASSERT(ways->count <= DPS_MESSAGE_WAYS_MAX);
	for (uint32_t i = 0; array && i < ways->count; i++) {
		json_t *way = json_object();

		if (!way || json_array_append_new(array, way) != 0 ||
		    !dps_object_add(way, "connection_id",
				    write_hex64(ways->items[i].connection_id)) ||
		    !dps_object_add(way, "udp_port", json_integer(ways->items[i].udp_port))) {
			json_decref(array);
			return NULL;
		}
	}
	return array;
}

static json_t *write_number(const struct dps_field *field, uint64_t number, uint64_t none)
{
	if (field->is_optional && number == none)
		return json_null();
	DPS_ASSERT(number <= INT64_MAX);
	return json_integer((json_int_t)number);
}

json_t *dps_write_value(const struct dps_field *field, const void *from)
{
	switch (field->kind) {
	case DPS_FIELD_U32:
	case DPS_FIELD_POWER:
		return write_number(field, *(const uint32_t *)from, UINT32_MAX);
	case DPS_FIELD_U64:
		return write_number(field, *(const uint64_t *)from, UINT64_MAX);
	case DPS_FIELD_TEXT:
		return write_text(*(const char *const *)from, (size_t)field->max);
	case DPS_FIELD_CODE:
		return json_string(dps_control_code_name(*(const uint32_t *)from));
	case DPS_FIELD_ROLE:
		DPS_ASSERT(*(const uint32_t *)from < DPS_ROLES_COUNT);
		return json_string(role_names[*(const uint32_t *)from]);
	case DPS_FIELD_WHY:
		DPS_ASSERT(*(const uint32_t *)from < DPS_BLOCKED_COUNT);
		return json_string(why_names[*(const uint32_t *)from]);
	case DPS_FIELD_TRANSFER:
		return dps_write_hex(from, 16);
	case DPS_FIELD_HEX64:
		return write_hex64(*(const uint64_t *)from);
	case DPS_FIELD_VERSIONS:
		return write_versions(from);
	case DPS_FIELD_ADDRESS:
		return write_address(from);
	case DPS_FIELD_WAYS:
		return write_ways(from);
	default:
		DPS_ASSERT(false);
	}
	return NULL;
}

bool dps_object_add(json_t *object, const char *name, json_t *value)
{
	if (json_is_null(value))
		return true;
	return json_object_set_new(object, name, value) == 0;
}
