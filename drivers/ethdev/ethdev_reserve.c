/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Reserve: frames whose bodies are written by whoever sends them, where the device takes them from.
 * Headers and head are put in front when the frame is sent.
 */
#include "drivers/ethdev/ethdev_low.h"
#include "drivers/ethdev/ethdev_private.h"
#include "engine/bits.h"
#include <dps/assert.h>
#include <string.h>

/* A cipher writes whole lines of the cache, when they begin where lines do. */
enum { BODY_ALIGNMENT = RTE_CACHE_LINE_SIZE };

static void place(const struct ethdev *ethdev, struct dps_outgoing *out, struct rte_mbuf *frame)
{
	const struct ethdev_remote *remote = &ethdev->remotes[out->remote];
	uint32_t front, at;

	DPS_ASSERT(out->remote < DPS_ETHDEV_REMOTES_MAX);
	out->owner = frame;
	out->room = NULL;
	if (out->body == NULL)
		return;
	front = remote->template.bytes_count + out->head_bytes;
	at = (uint32_t)dps_round_up(RTE_PKTMBUF_HEADROOM + front, BODY_ALIGNMENT);
	DPS_ASSERT(at + out->body_bytes <= frame->buf_len);
	frame->data_off = (uint16_t)(at - front);
	out->room = (uint8_t *)frame->buf_addr + at;
}

unsigned int ethdev_reserve(struct dps_port *port, struct dps_outgoing *outgoing,
			    unsigned int count)
{
	struct ethdev *ethdev = ethdev_of(port);
	struct rte_mbuf *frames[DPS_PORT_BURST];

	count = (unsigned int)dps_min_u64(count, DPS_PORT_BURST);
	if (rte_pktmbuf_alloc_bulk(ethdev->head_pool, frames, count) != 0)
		return 0;
	ethdev_low_note(&port->pools[DPS_PORT_POOL_HEAD], ethdev->head_pool);
	for (unsigned int i = 0; i < count; i++)
		place(ethdev, &outgoing[i], frames[i]);
	return count;
}

void ethdev_forgo(struct dps_port *port, const struct dps_outgoing *outgoing, unsigned int count)
{
	(void)port;
	for (unsigned int i = 0; i < count; i++)
		rte_pktmbuf_free(outgoing[i].owner);
}

void ethdev_complete(struct dps_frame_template *template, const struct dps_outgoing *out)
{
	struct rte_mbuf *frame = out->owner;
	uint8_t *bytes = rte_pktmbuf_mtod(frame, uint8_t *);
	uint32_t body_bytes = out->body != NULL ? out->body_bytes : 0;
	uint32_t headers = template->bytes_count;

	/* What is written of the template beyond its headers is head, and not yet body. */
	DPS_ASSERT(body_bytes == 0 || (bytes + headers + out->head_bytes == out->body &&
				       headers + out->head_bytes >= DPS_FRAME_TEMPLATE_BYTES));
	dps_frame_write(template, bytes, out->head, out->head_bytes, out->body, body_bytes);
	memcpy(bytes + headers, out->head, out->head_bytes);
	frame->data_len = (uint16_t)(headers + out->head_bytes + body_bytes);
	frame->pkt_len = frame->data_len;
}
