/* SPDX-License-Identifier: BSD-3-Clause */
#include "drivers/ethdev/ethdev_low.h"
#include "drivers/ethdev/ethdev_private.h"
#include "engine/bits.h"
#include <dps/assert.h>
#include <string.h>

static void tell_released(struct ethdev *ethdev)
{
	uint32_t count = ethdev->released_count;

	ethdev->released_count = 0;
	if (count > 0 && ethdev->port.on_released != NULL)
		ethdev->port.on_released(ethdev->port.released_context, ethdev->released_token,
					 count);
}

/* Bodies of one chunk come back together, in a burst that frees them. */
static void release_token(struct ethdev *ethdev, uint32_t token)
{
	if (ethdev->released_token != token)
		tell_released(ethdev);
	ethdev->released_token = token;
	ethdev->released_count++;
	if (!ethdev->is_in_burst)
		tell_released(ethdev);
}

static void give_body(struct ethdev_body *body)
{
	struct ethdev *ethdev = body->owner;

	DPS_ASSERT(body->is_held);
	body->is_held = false;
	ethdev->bodies_free[ethdev->bodies_free_count++] = (uint32_t)(body - ethdev->bodies);
	release_token(ethdev, body->token);
}

/* The device freed the last reference: inside a burst, a cleanup or a close, so on the lane. */
static void on_body_freed(void *memory, void *context)
{
	(void)memory;
	give_body(context);
}

void ethdev_release_bodies(struct ethdev *ethdev)
{
	for (uint32_t i = 0; i < ethdev->bodies_count; i++)
		if (ethdev->bodies[i].is_held)
			give_body(&ethdev->bodies[i]);
}

/* Puts the body behind the headers as a segment of its own, which the device finds at iova. */
static void attach_body(struct ethdev *ethdev, const struct dps_outgoing *out,
			struct rte_mbuf *head, struct rte_mbuf *segment, rte_iova_t iova)
{
	struct ethdev_body *body =
		&ethdev->bodies[ethdev->bodies_free[--ethdev->bodies_free_count]];

	DPS_ASSERT(!body->is_held);
	body->is_held = true;
	body->token = out->token;
	body->info.free_cb = on_body_freed;
	body->info.fcb_opaque = body;
	rte_mbuf_ext_refcnt_set(&body->info, 1);
	/* The device only reads it. */
	rte_pktmbuf_attach_extbuf(segment, (void *)(uintptr_t)out->body, iova,
				  (uint16_t)out->body_bytes, &body->info);
	segment->data_off = 0;
	segment->data_len = (uint16_t)out->body_bytes;
	head->next = segment;
	head->nb_segs = 2;
	head->pkt_len += out->body_bytes;
}

static void copy_body(struct ethdev *ethdev, const struct dps_outgoing *out, struct rte_mbuf *head)
{
	memcpy(rte_pktmbuf_mtod_offset(head, uint8_t *, head->data_len), out->body,
	       out->body_bytes);
	head->data_len = (uint16_t)(head->data_len + out->body_bytes);
	head->pkt_len = head->data_len;
	release_token(ethdev, out->token);
}

static void set_offloads(const struct ethdev *ethdev, const struct dps_frame_template *template,
			 struct rte_mbuf *head)
{
	head->ol_flags |= template->family == DPS_ADDRESS_IPV4 ? ethdev->tx_flags_ipv4
							       : ethdev->tx_flags_ipv6;
	head->l2_len = template->ip_at;
	head->l3_len = (uint64_t) template->bytes_count - DPS_FRAME_UDP_BYTES - template->ip_at;
}

/* The template of a datagram that can be sent at all, or NULL. */
static struct dps_frame_template *find_template(struct ethdev *ethdev,
						const struct dps_outgoing *out)
{
	struct ethdev_remote *remote;

	DPS_ASSERT(out->remote < DPS_ETHDEV_REMOTES_MAX);
	DPS_ASSERT(out->head_bytes <= DPS_PORT_HEAD_BYTES);
	remote = &ethdev->remotes[out->remote];
	if (!remote->is_used || !remote->resolution.is_resolved)
		return NULL;
	if ((uint64_t)out->head_bytes + out->body_bytes > remote->datagram_bytes_max)
		return NULL;
	return &remote->template;
}

/* Makes a frame of a datagram in head and perhaps segment. False: it is dropped. */
static bool build(struct ethdev *ethdev, const struct dps_outgoing *out, struct rte_mbuf *head,
		  struct rte_mbuf *segment)
{
	struct dps_frame_template *template = find_template(ethdev, out);
	uint32_t body_bytes = out->body != NULL ? out->body_bytes : 0;
	uint8_t *frame = rte_pktmbuf_mtod(head, uint8_t *);
	rte_iova_t iova = RTE_BAD_IOVA;
	uint32_t headers;

	if (template == NULL)
		return false;
	headers =
		dps_frame_write(template, frame, out->head, out->head_bytes, out->body, body_bytes);
	memcpy(frame + headers, out->head, out->head_bytes);
	head->data_len = (uint16_t)(headers + out->head_bytes);
	head->pkt_len = head->data_len;
	set_offloads(ethdev, template, head);
	if (out->body == NULL)
		return true;
	if (!ethdev->copies_bodies && body_bytes > 0)
		iova = ethdev_area_iova(ethdev, out->body, body_bytes);
	if (iova == RTE_BAD_IOVA)
		copy_body(ethdev, out, head);
	else
		attach_body(ethdev, out, head, segment, iova);
	return true;
}

static unsigned int transmit(struct ethdev *ethdev, struct rte_mbuf **frames, unsigned int count)
{
	unsigned int ready = count, sent;

	if (count == 0)
		return 0;
	ethdev->is_in_burst = true;
	ethdev_enter(ethdev);
	if ((ethdev->tx_flags_ipv4 | ethdev->tx_flags_ipv6) != 0)
		ready = rte_eth_tx_prepare(ethdev->id, ethdev->queue, frames, (uint16_t)count);
	sent = rte_eth_tx_burst(ethdev->id, ethdev->queue, frames, (uint16_t)ready);
	ethdev_leave(ethdev);
	ethdev->is_in_burst = false;
	tell_released(ethdev);
	return sent;
}

bool ethdev_send_unsent(struct ethdev *ethdev)
{
	unsigned int sent =
		transmit(ethdev, ethdev->unsent + ethdev->unsent_at, ethdev->unsent_count);

	ethdev->unsent_at += sent;
	ethdev->unsent_count -= sent;
	return ethdev->unsent_count == 0;
}

void ethdev_drop_unsent(struct ethdev *ethdev)
{
	ethdev->port.counters.send_errors += ethdev->unsent_count;
	rte_pktmbuf_free_bulk(ethdev->unsent + ethdev->unsent_at, ethdev->unsent_count);
	ethdev->unsent_count = 0;
}

/* Counts as taken; the link or the remote is not there. */
static void drop(struct ethdev *ethdev, const struct dps_outgoing *out)
{
	ethdev->port.counters.send_errors++;
	if (out->owner != NULL)
		ethdev_forgo(&ethdev->port, out, 1);
	else if (out->body != NULL)
		release_token(ethdev, out->token);
}

/* Buffers for count datagrams; all or none. */
static bool take_buffers(struct ethdev *ethdev, struct rte_mbuf **heads, struct rte_mbuf **segments,
			 unsigned int count)
{
	if (rte_pktmbuf_alloc_bulk(ethdev->head_pool, heads, count) != 0)
		return false;
	ethdev_low_note(&ethdev->port.pools[DPS_PORT_POOL_HEAD], ethdev->head_pool);
	if (ethdev->copies_bodies)
		return true;
	if (rte_pktmbuf_alloc_bulk(ethdev->body_pool, segments, count) == 0) {
		ethdev_low_note(&ethdev->port.pools[DPS_PORT_POOL_BODY], ethdev->body_pool);
		return true;
	}
	rte_pktmbuf_free_bulk(heads, count);
	return false;
}

/* The unsent are sent or the link is up and room is there: frames go out, the rest stays. */
static void transmit_or_keep(struct ethdev *ethdev, struct rte_mbuf **frames, unsigned int count)
{
	unsigned int sent = transmit(ethdev, frames, count);

	memcpy(ethdev->unsent + 1, frames + sent, (count - sent) * sizeof(frames[0]));
	ethdev->unsent_at = 1;
	ethdev->unsent_count = count - sent;
	ethdev->port.counters.refused_sends += count - sent;
}

static void count_sent(struct dps_port *port, const struct dps_outgoing *out)
{
	port->counters.sent_datagrams++;
	port->counters.sent_bytes += out->head_bytes;
	if (out->body != NULL)
		port->counters.sent_bytes += out->body_bytes;
}

/* Datagrams whose frames are there. */
static void send_reserved(struct ethdev *ethdev, const struct dps_outgoing *outgoing,
			  unsigned int count)
{
	struct rte_mbuf *frames[DPS_PORT_BURST];
	unsigned int frames_count = 0;

	for (unsigned int i = 0; i < count; i++) {
		struct dps_frame_template *template = find_template(ethdev, &outgoing[i]);

		if (template == NULL) {
			drop(ethdev, &outgoing[i]);
			continue;
		}
		ethdev_complete(template, &outgoing[i]);
		set_offloads(ethdev, template, outgoing[i].owner);
		count_sent(&ethdev->port, &outgoing[i]);
		frames[frames_count++] = outgoing[i].owner;
	}
	transmit_or_keep(ethdev, frames, frames_count);
}

/* How many of the first have a frame, or have none, as the first. */
static unsigned int same_kind(const struct dps_outgoing *outgoing, unsigned int count)
{
	bool is_reserved = outgoing[0].owner != NULL;
	unsigned int i = 1;

	while (i < count && (outgoing[i].owner != NULL) == is_reserved)
		i++;
	return i;
}

unsigned int ethdev_send(struct dps_port *port, const struct dps_outgoing *outgoing,
			 unsigned int count)
{
	struct ethdev *ethdev = ethdev_of(port);
	struct rte_mbuf *heads[DPS_PORT_BURST], *segments[DPS_PORT_BURST];
	struct rte_mbuf *frames[DPS_PORT_BURST], *spare[2 * DPS_PORT_BURST];
	unsigned int frames_count = 0, spare_count = 0;

	if (!ethdev->is_up) {
		for (unsigned int i = 0; i < count; i++)
			drop(ethdev, &outgoing[i]);
		return count;
	}
	if (ethdev->unsent_count != 0 && !ethdev_send_unsent(ethdev))
		return 0;
	count = (unsigned int)dps_min_u64(count, DPS_PORT_BURST);
	if (ethdev->lends_rooms && count != 0)
		count = same_kind(outgoing, count);
	if (count != 0 && outgoing[0].owner != NULL) {
		send_reserved(ethdev, outgoing, count);
		return count;
	}
	if (!ethdev->copies_bodies)
		count = (unsigned int)dps_min_u64(count, ethdev->bodies_free_count);
	if (count == 0 || !take_buffers(ethdev, heads, segments, count))
		return 0;
	for (unsigned int i = 0; i < count; i++) {
		struct rte_mbuf *segment = ethdev->copies_bodies ? NULL : segments[i];

		if (build(ethdev, &outgoing[i], heads[i], segment)) {
			count_sent(port, &outgoing[i]);
			frames[frames_count++] = heads[i];
		} else {
			drop(ethdev, &outgoing[i]);
			spare[spare_count++] = heads[i];
		}
		if (segment != NULL && heads[i]->next != segment)
			spare[spare_count++] = segment;
	}
	rte_pktmbuf_free_bulk(spare, spare_count);
	transmit_or_keep(ethdev, frames, frames_count);
	return count;
}

/*
 * In front of the datagrams that wait: those may be for a neighbour that is asked for here, and
 * a device that they keep full would never have room when it is asked for again.
 */
static void keep_control(struct ethdev *ethdev, struct rte_mbuf *frame)
{
	if (ethdev->unsent_count == 0)
		ethdev->unsent_at = 1;
	if (ethdev->unsent_at == 0) {
		rte_pktmbuf_free(frame); /* one stands there already */
		return;
	}
	ethdev->unsent[--ethdev->unsent_at] = frame;
	ethdev->unsent_count++;
}

void ethdev_send_control(struct ethdev *ethdev, struct rte_mbuf *frame)
{
	if (!ethdev->is_up)
		rte_pktmbuf_free(frame);
	else if (transmit(ethdev, &frame, 1) == 0)
		keep_control(ethdev, frame);
}
