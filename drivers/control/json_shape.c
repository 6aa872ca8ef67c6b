/* SPDX-License-Identifier: BSD-3-Clause */
#include "drivers/control/json_shape.h"

/*
 * A parser reads the same tokens up to the first byte that is not JSON, and stops there; so what is
 * counted here is at least what it will allocate.
 */
bool dps_json_is_small(const uint8_t *bytes, size_t length)
{
	size_t depth = 0, containers = 0, values = 1;
	bool in_string = false;

	for (size_t i = 0; i < length; i++) {
		uint8_t byte = bytes[i];

		if (in_string) {
			if (byte == '\\')
				i++;
			else if (byte == '"')
				in_string = false;
		} else if (byte == '"') {
			in_string = true;
		} else if (byte == '{' || byte == '[') {
			depth++;
			containers++;
			values++;
		} else if (byte == '}' || byte == ']') {
			depth -= depth > 0;
		} else if (byte == ',') {
			values++;
		}
		if (depth > DPS_JSON_DEPTH_MAX || containers > DPS_JSON_CONTAINERS_MAX ||
		    values > DPS_JSON_VALUES_MAX)
			return false;
	}
	return true;
}
