/* SPDX-License-Identifier: BSD-3-Clause */
#include "drivers/ethdev/ethdev_private.h"
#include "engine/bits.h"
#include <dps/assert.h>
#include <string.h>

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
	if (reply_bytes != 0)
		ethdev_send_control(ethdev, reply);
	else
		rte_pktmbuf_free(reply);
}

/* True when the frame carries a datagram for us, which is then in incoming. */
static bool take(struct ethdev *ethdev, struct rte_mbuf *mbuf, struct dps_incoming *incoming)
{
	uint8_t look[DPS_FRAME_LOOK_BYTES];
	struct dps_frame_view view;
	const uint8_t *frame = rte_pktmbuf_mtod(mbuf, const uint8_t *);
	uint32_t bytes = mbuf->data_len;
	int vlan = (mbuf->ol_flags & RTE_MBUF_F_RX_VLAN_STRIPPED) != 0 ? mbuf->vlan_tci : -1;
	enum dps_frame_verdict verdict;

	/* One segment, and inside its buffer whatever a memif peer wrote as its length. */
	if (mbuf->nb_segs != 1 || bytes > (uint32_t)mbuf->buf_len - mbuf->data_off ||
	    (mbuf->ol_flags & RTE_MBUF_F_RX_L4_CKSUM_MASK) == RTE_MBUF_F_RX_L4_CKSUM_BAD) {
		ethdev->port.counters.dropped_malformed++;
		return false;
	}
	memcpy(look, frame, dps_min_u64(bytes, sizeof(look)));
	verdict = dps_frame_parse(&ethdev->self, look, bytes, vlan, &view);
	if (verdict == DPS_FRAME_CONTROL) {
		on_control(ethdev, mbuf, vlan);
		return false;
	}
	if (verdict != DPS_FRAME_OURS) {
		ethdev->port.counters.dropped_malformed++;
		return false;
	}
	incoming->bytes = frame + view.payload_at;
	incoming->length = view.payload_bytes;
	incoming->ecn = view.ecn;
	incoming->owner = mbuf;
	incoming->from = view.from;
	ethdev->port.counters.received_datagrams++;
	ethdev->port.counters.received_bytes += view.payload_bytes;
	return true;
}

unsigned int ethdev_receive(struct dps_port *port, struct dps_incoming *incoming, unsigned int room)
{
	struct ethdev *ethdev = ethdev_of(port);
	struct rte_mbuf *mbufs[DPS_PORT_BURST], *rest[DPS_PORT_BURST];
	unsigned int count = 0, rest_count = 0, received;

	DPS_ASSERT(ethdev->lent_count == 0);
	if (!ethdev->is_started || room == 0)
		return 0;
	ethdev_enter(ethdev);
	received =
		rte_eth_rx_burst(ethdev->id, 0, mbufs, (uint16_t)dps_min_u64(room, DPS_PORT_BURST));
	ethdev_leave(ethdev);
	for (unsigned int i = 0; i < received; i++) {
		if (i + 1 < received)
			rte_prefetch0(rte_pktmbuf_mtod(mbufs[i + 1], void *));
		if (take(ethdev, mbufs[i], &incoming[count]))
			count++;
		else
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
