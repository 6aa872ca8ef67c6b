/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Frames as they come from a wire, and what is answered to those that are no data: the first byte
 * says who we are, the rest is the frame.
 */
#include "drivers/ethdev/neighbour.h"
#include "tests/fuzz/fuzz.h"
#include <dps/assert.h>
#include <stdlib.h>
#include <string.h>

enum { ROOM = 1518 };

static struct dps_frame_self self_of(uint8_t kind)
{
	struct dps_frame_self self = {
		.address = { .family = kind & 1 ? DPS_ADDRESS_IPV6 : DPS_ADDRESS_IPV4,
			     .mac = { 2, 0, 0, 0, 0, 1 },
			     .ip = { 10, 0, 0, 1 },
			     .udp_port = 7420,
			     .has_mac = 1 },
		.vlan = kind & 2 ? 5 : 0,
		.udp_ports = kind & 4 ? 8 : 0,
	};

	if (kind & 1) {
		self.address.ip[0] = 0xfe;
		self.address.ip[1] = 0x80;
		self.address.ip[15] = 1;
	}
	return self;
}

/* A frame that is judged by its beginning alone, and then once more by what is remembered of it. */
static void parse(const struct dps_frame_self *self, const uint8_t *frame, uint32_t bytes,
		  int vlan_stripped)
{
	uint32_t look_bytes = bytes < DPS_FRAME_LOOK_BYTES ? bytes : DPS_FRAME_LOOK_BYTES;
	uint8_t *look = malloc(DPS_FRAME_LOOK_BYTES);
	struct dps_frame_view view = { 0 };
	struct dps_frame_last last = { 0 };

	DPS_ASSERT(look != NULL);
	memset(look, 0xa5, DPS_FRAME_LOOK_BYTES);
	memcpy(look, frame, look_bytes);
	if (dps_frame_parse(self, look, bytes, vlan_stripped, &view) == DPS_FRAME_OURS) {
		DPS_ASSERT(view.payload_at <= DPS_FRAME_LOOK_BYTES);
		DPS_ASSERT((uint64_t)view.payload_at + view.payload_bytes <= bytes);
		dps_frame_remember(&last, look, bytes, vlan_stripped, &view);
		DPS_ASSERT(dps_frame_is_like(&last, frame, bytes, vlan_stripped));
	}
	free(look);
}

static void answer(const struct dps_frame_self *self, const uint8_t *frame, uint32_t bytes,
		   int vlan_stripped, uint32_t room)
{
	uint8_t *reply = malloc(room);
	struct dps_neighbour_claim claim;
	uint32_t count;

	DPS_ASSERT(reply != NULL);
	count = dps_neighbour_answer(self, frame, bytes, vlan_stripped, reply, room, &claim);
	DPS_ASSERT(count <= room);
	/* No flood comes of a frame: what is answered is not much longer. */
	DPS_ASSERT(count <= bytes + DPS_NEIGHBOUR_FRAME_BYTES);
	DPS_ASSERT(claim.family == DPS_ADDRESS_NONE || !(claim.mac[0] & 1));
	free(reply);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct dps_frame_self self;
	int vlan_stripped;

	if (size < 1 || size > 65536)
		return 0;
	self = self_of(data[0]);
	vlan_stripped = data[0] & 8 ? data[0] >> 4 : -1;
	parse(&self, data + 1, (uint32_t)size - 1, vlan_stripped);
	answer(&self, data + 1, (uint32_t)size - 1, vlan_stripped, DPS_NEIGHBOUR_FRAME_BYTES);
	answer(&self, data + 1, (uint32_t)size - 1, vlan_stripped, ROOM);
	return 0;
}
