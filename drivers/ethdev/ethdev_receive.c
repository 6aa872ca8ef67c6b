/* SPDX-License-Identifier: BSD-3-Clause */
#include "drivers/ethdev/ethdev_low.h"
#include "drivers/ethdev/ethdev_private.h"
#include "engine/bits.h"
#include <dps/assert.h>
#include <string.h>

enum { CONNECTION_ID_AT = 8 /* in a packet; its first byte is the lane (engine/paths.c) */ };

/* Whoever claims an address that we wait for has answered. */
static void learn(struct ethdev *ethdev, const struct dps_neighbour_claim *claim)
{
	size_t ip_bytes = claim->family == DPS_ADDRESS_IPV6 ? 16 : 4;

	if (claim->family == DPS_ADDRESS_NONE)
		return;
	for (uint32_t i = 0; i < ethdev->remotes_end; i++) {
		struct ethdev_remote *remote = &ethdev->remotes[i];

		if (!remote->is_used || remote->is_fixed ||
		    remote->address.family != claim->family ||
		    memcmp(remote->address.ip, claim->ip, ip_bytes) != 0)
			continue;
		memcpy(remote->address.mac, claim->mac, sizeof(claim->mac));
		remote->address.has_mac = 1;
		dps_frame_template_set_mac(&remote->template, claim->mac);
		dps_resolution_on_answer(&remote->resolution, ethdev->now_ns);
	}
}

/* Control frames are rare: they are copied first, for a memif peer may still write to them. */
static void on_control(struct ethdev *ethdev, const struct rte_mbuf *mbuf, int vlan_stripped)
{
	struct dps_neighbour_claim claim;
	uint32_t bytes = mbuf->data_len;
	struct rte_mbuf *reply;
	uint32_t room, reply_bytes;

	if (bytes > sizeof(ethdev->scratch))
		return;
	reply = rte_pktmbuf_alloc(ethdev->control_pool);
	if (reply == NULL)
		return;
	memcpy(ethdev->scratch, rte_pktmbuf_mtod(mbuf, const uint8_t *), bytes);
	room = (uint32_t)dps_min_u64(rte_pktmbuf_tailroom(reply), ethdev->frame_bytes);
	reply_bytes = dps_neighbour_answer(&ethdev->self, ethdev->scratch, bytes, vlan_stripped,
					   rte_pktmbuf_mtod(reply, uint8_t *), room, &claim);
	reply->data_len = (uint16_t)reply_bytes;
	reply->pkt_len = reply_bytes;
	learn(ethdev, &claim);
	if (claim.family != DPS_ADDRESS_NONE && ethdev->queues_count > 1)
		ethdev_share_claim(ethdev, ethdev->scratch, bytes, vlan_stripped);
	if (reply_bytes != 0)
		ethdev_send_control(ethdev, reply);
	else
		rte_pktmbuf_free(reply);
}

/* What another lane heard of our neighbours: it has answered. */
static void on_shared_claim(struct ethdev *ethdev, const struct rte_mbuf *mbuf, int vlan_stripped)
{
	struct dps_neighbour_claim claim;

	(void)dps_neighbour_answer(&ethdev->self, rte_pktmbuf_mtod(mbuf, const uint8_t *),
				   mbuf->data_len, vlan_stripped, ethdev->scratch,
				   sizeof(ethdev->scratch), &claim);
	learn(ethdev, &claim);
}

/* Its connection id names the lane; what names none of ours is for the engine to count. */
static uint16_t queue_of(const struct ethdev *ethdev, const uint8_t *payload, uint32_t bytes)
{
	uint32_t lane = bytes >= CONNECTION_ID_AT + 8 ? payload[CONNECTION_ID_AT] : UINT32_MAX;

	return lane < ethdev->queues_count ? (uint16_t)lane : ethdev->queue;
}

enum fate {
	FATE_OURS, /* a datagram for this lane, which is in incoming */
	FATE_PASSED,
	FATE_SPENT, /* to be freed */
};

/* Whether it is a datagram of ours, which is remembered then; all else is done with. */
static bool judge(struct ethdev *ethdev, const struct rte_mbuf *mbuf, int vlan, bool is_handed)
{
	uint8_t look[DPS_FRAME_LOOK_BYTES];
	struct dps_frame_view view;
	uint32_t bytes = mbuf->data_len;
	enum dps_frame_verdict verdict;

	memcpy(look, rte_pktmbuf_mtod(mbuf, const uint8_t *), dps_min_u64(bytes, sizeof(look)));
	verdict = dps_frame_parse(&ethdev->self, look, bytes, vlan, &view);
	if (verdict == DPS_FRAME_OURS) {
		dps_frame_remember(&ethdev->last_received, look, bytes, vlan, &view);
		return true;
	}
	if (verdict != DPS_FRAME_CONTROL)
		ethdev->port.counters.dropped_malformed++;
	else if (is_handed)
		on_shared_claim(ethdev, mbuf, vlan);
	else
		on_control(ethdev, mbuf, vlan);
	return false;
}

static enum fate take(struct ethdev *ethdev, struct rte_mbuf *mbuf, bool is_handed,
		      struct dps_incoming *incoming)
{
	const struct dps_frame_view *view = &ethdev->last_received.view;
	uint16_t queue;
	const uint8_t *frame = rte_pktmbuf_mtod(mbuf, const uint8_t *);
	uint32_t bytes = mbuf->data_len;
	int vlan = (mbuf->ol_flags & RTE_MBUF_F_RX_VLAN_STRIPPED) != 0 ? mbuf->vlan_tci : -1;

	/* One segment, and inside its buffer whatever a memif peer wrote as its length. */
	if (mbuf->nb_segs != 1 || bytes > (uint32_t)mbuf->buf_len - mbuf->data_off ||
	    (mbuf->ol_flags & RTE_MBUF_F_RX_L4_CKSUM_MASK) == RTE_MBUF_F_RX_L4_CKSUM_BAD) {
		ethdev->port.counters.dropped_malformed++;
		return FATE_SPENT;
	}
	if (!dps_frame_is_like(&ethdev->last_received, frame, bytes, vlan) &&
	    !judge(ethdev, mbuf, vlan, is_handed))
		return FATE_SPENT;
	if (ethdev->queues_count > 1 && !is_handed) {
		queue = queue_of(ethdev, frame + view->payload_at, view->payload_bytes);
		if (queue != ethdev->queue) {
			ethdev_hand_over(ethdev, queue, mbuf);
			return FATE_PASSED;
		}
	}
	incoming->bytes = frame + view->payload_at;
	incoming->length = view->payload_bytes;
	incoming->ecn = view->ecn;
	incoming->is_astray = is_handed && !ethdev->is_memif; /* memif's queues are pairs */
	incoming->owner = mbuf;
	incoming->from = view->from;
	ethdev->port.counters.received_datagrams++;
	ethdev->port.counters.received_bytes += view->payload_bytes;
	return FATE_OURS;
}

unsigned int ethdev_receive(struct dps_port *port, struct dps_incoming *incoming, unsigned int room)
{
	struct ethdev *ethdev = ethdev_of(port);
	struct rte_mbuf *mbufs[DPS_PORT_BURST], *rest[DPS_PORT_BURST];
	unsigned int count = 0, rest_count = 0, handed = 0, received;

	DPS_ASSERT(ethdev->lent_count == 0);
	if (!ethdev->is_started || room == 0)
		return 0;
	room = (unsigned int)dps_min_u64(room, DPS_PORT_BURST);
	/* At most half of a burst, so that neither way waits for the other. */
	if (ethdev->queues_count > 1)
		handed = ethdev_take_handed(ethdev, mbufs, (room + 1) / 2);
	ethdev_enter(ethdev);
	received = handed + rte_eth_rx_burst(ethdev->id, ethdev->queue, mbufs + handed,
					     (uint16_t)(room - handed));
	ethdev_leave(ethdev);
	if (received != 0)
		ethdev_low_note(&port->pools[DPS_PORT_POOL_RX], ethdev->rx_pool);
	for (unsigned int i = 0; i < received; i++) {
		enum fate fate;

		if (i + 1 < received)
			rte_prefetch0(rte_pktmbuf_mtod(mbufs[i + 1], void *));
		fate = take(ethdev, mbufs[i], i < handed, &incoming[count]);
		if (fate == FATE_OURS)
			count++;
		else if (fate == FATE_SPENT)
			rest[rest_count++] = mbufs[i];
	}
	if (rest_count != 0)
		rte_pktmbuf_free_bulk(rest, rest_count);
	ethdev->lent_count = count;
	return count;
}

void ethdev_release(struct dps_port *port, struct dps_incoming *incoming, unsigned int count)
{
	struct ethdev *ethdev = ethdev_of(port);
	struct rte_mbuf *mbufs[DPS_PORT_BURST];

	DPS_ASSERT(count == ethdev->lent_count);
	for (unsigned int i = 0; i < count; i++)
		mbufs[i] = incoming[i].owner;
	rte_pktmbuf_free_bulk(mbufs, count);
	ethdev->lent_count = 0;
}
