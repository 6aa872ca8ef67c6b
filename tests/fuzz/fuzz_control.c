/* SPDX-License-Identifier: BSD-3-Clause */
/* Fuzz: what arrives on a control connection. The first byte says how reads cut the stream. */
#include "drivers/control/frame_buffer.h"
#include "drivers/control/message.h"
#include <dps/assert.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What was decoded encodes to something that decodes to the same type. */
static void check_round_trip(const struct dps_message *message)
{
	char error[DPS_MESSAGE_ERROR_BYTES];
	struct dps_message again;
	size_t length;
	char *text = dps_message_encode(message, &length);

	DPS_ASSERT(text);
	DPS_ASSERT(dps_message_decode(&again, (const uint8_t *)text, length, error) ==
		   DPS_CODE_NONE);
	DPS_ASSERT(again.type == message->type);
	dps_message_fini(&again);
	free(text);
}

static void decode(const uint8_t *body, size_t length)
{
	char error[DPS_MESSAGE_ERROR_BYTES];
	struct dps_message message;

	if (dps_message_decode(&message, body, length, error) != DPS_CODE_NONE) {
		DPS_ASSERT(error[0]);
		return;
	}
	if (message.type != DPS_MESSAGE_UNKNOWN)
		check_round_trip(&message);
	dps_message_fini(&message);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct dps_frame_buffer buffer;
	enum dps_frame_status status = DPS_FRAME_NONE;
	size_t read_bytes, at = 1;

	if (size == 0)
		return 0;
	decode(data + 1, size - 1); /* as one body, which is easier to find than a frame */
	read_bytes = (size_t)data[0] + 1;
	dps_frame_buffer_init(&buffer);
	while (status == DPS_FRAME_NONE || status == DPS_FRAME_READY) {
		const uint8_t *body;
		size_t length, room;
		uint8_t *to;

		while ((status = dps_frame_buffer_next(&buffer, &body, &length)) == DPS_FRAME_READY)
			decode(body, length);
		if (at == size) {
			dps_frame_buffer_ended(&buffer);
			continue;
		}
		to = dps_frame_buffer_room(&buffer, &room);
		DPS_ASSERT(to && room > 0);
		room = room < read_bytes ? room : read_bytes;
		room = room < size - at ? room : size - at;
		memcpy(to, data + at, room);
		dps_frame_buffer_filled(&buffer, room);
		at += room;
	}
	dps_frame_buffer_fini(&buffer);
	return 0;
}
