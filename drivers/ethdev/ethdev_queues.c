/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Queues: several lanes over one device. Each has a queue pair with pools, bodies and counters of
 * its own, and meets the others in two places only: in rings, one for each pair of lanes, with what
 * came to the wrong queue; and in a number, by which the leader asks all to keep out while it stops
 * or starts the device under them.
 */
#include "drivers/ethdev/ethdev_private.h"
#include <dps/assert.h>
#include <errno.h>
#include <rte_errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- views ---- */

static struct ethdev *create_view(struct ethdev *leader, uint16_t queue, uint16_t serial)
{
	struct ethdev *view = aligned_alloc(64, sizeof(*view));

	if (view == NULL)
		return NULL;
	memcpy(view, leader, sizeof(*view));
	memset(view->views, 0, sizeof(view->views));
	view->queue = queue;
	view->serial = serial;
	view->leader = leader;
	view->port.name = view->name.text;
	view->groups_fd = -1;
	view->search = ETHDEV_SEARCH_NONE;
	if (view->is_memif)
		dps_gate_add(&view->gate);
	return view;
}

int ethdev_queues_create(struct ethdev *leader, uint16_t count)
{
	DPS_ASSERT(count <= DPS_ETHDEV_QUEUES_MAX);
	leader->queues_count = leader->open_count = 1;
	for (uint16_t i = 1; i < count; i++) {
		leader->views[i] = create_view(leader, i, (uint16_t)(leader->serial + i));
		if (leader->views[i] == NULL)
			return -ENOMEM;
		leader->queues_count = leader->open_count = (uint16_t)(i + 1);
	}
	for (uint16_t i = 1; i < count; i++)
		leader->views[i]->queues_count = count;
	return 0;
}

/* What the device said of itself after the views were made. */
static void adopt_one(struct ethdev *view, const struct ethdev *leader)
{
	if (leader->is_memif && !view->is_memif)
		dps_gate_add(&view->gate);
	memcpy(view->device, leader->device, sizeof(view->device));
	view->id = leader->id;
	view->is_memif = leader->is_memif;
	view->is_zero_copy = leader->is_zero_copy;
	view->copies_bodies = leader->copies_bodies;
	view->needs_iova = leader->needs_iova;
	view->can_clean = leader->can_clean;
	view->self = leader->self;
	view->subnet = leader->subnet;
	view->frame_bytes = leader->frame_bytes;
	view->rx_offloads = leader->rx_offloads;
	view->tx_offloads = leader->tx_offloads;
	view->tx_flags_ipv4 = leader->tx_flags_ipv4;
	view->tx_flags_ipv6 = leader->tx_flags_ipv6;
	view->checksum_ipv4 = leader->checksum_ipv4;
	view->checksum_ipv6 = leader->checksum_ipv6;
	view->port.mtu = leader->port.mtu;
	view->port.local = leader->port.local;
	view->port.local.udp_port = (uint16_t)(leader->port.local.udp_port + view->queue);
}

void ethdev_queues_adopt(struct ethdev *leader)
{
	for (uint16_t i = 1; i < leader->queues_count; i++)
		adopt_one(leader->views[i], leader);
}

/* ---- handing over ---- */

static int create_inboxes(struct ethdev *view)
{
	char name[RTE_RING_NAMESIZE];

	for (uint16_t i = 0; i < view->queues_count; i++) {
		if (i == view->queue)
			continue;
		snprintf(name, sizeof(name), "dps_in_%u_%u", view->serial, i);
		view->inboxes[i] =
			rte_ring_create(name, ETHDEV_INBOX_COUNT, rte_eth_dev_socket_id(view->id),
					RING_F_SP_ENQ | RING_F_SC_DEQ);
		if (view->inboxes[i] == NULL)
			return rte_errno != 0 ? -rte_errno : -ENOMEM;
	}
	return 0;
}

int ethdev_queues_connect(struct ethdev *leader)
{
	int err = 0;

	if (leader->queues_count == 1)
		return 0;
	for (uint16_t i = 0; i < leader->queues_count && err == 0; i++)
		err = create_inboxes(leader->views[i]);
	return err;
}

void ethdev_hand_over(struct ethdev *ethdev, uint16_t queue, struct rte_mbuf *frame)
{
	struct ethdev *to = ethdev->leader->views[queue];

	if (rte_ring_sp_enqueue(to->inboxes[ethdev->queue], frame) == 0) {
		ethdev->port.counters.handed_datagrams++;
		return;
	}
	ethdev->port.counters.dropped_handed++;
	rte_pktmbuf_free(frame);
}

unsigned int ethdev_take_handed(struct ethdev *ethdev, struct rte_mbuf **frames, unsigned int room)
{
	unsigned int count = 0;

	for (uint16_t i = 0; i < ethdev->queues_count && count < room; i++)
		if (i != ethdev->queue)
			count += rte_ring_sc_dequeue_burst(
				ethdev->inboxes[i], (void **)&frames[count], room - count, NULL);
	return count;
}

void ethdev_share_claim(struct ethdev *ethdev, const uint8_t *frame, uint32_t bytes,
			int vlan_stripped)
{
	for (uint16_t i = 0; i < ethdev->queues_count; i++) {
		struct rte_mbuf *copy;

		if (i == ethdev->queue)
			continue;
		copy = rte_pktmbuf_alloc(ethdev->control_pool);
		if (copy == NULL)
			return; /* it is asked for again */
		memcpy(rte_pktmbuf_mtod(copy, uint8_t *), frame, bytes);
		copy->data_len = (uint16_t)bytes;
		copy->pkt_len = bytes;
		if (vlan_stripped >= 0) {
			copy->ol_flags |= RTE_MBUF_F_RX_VLAN_STRIPPED;
			copy->vlan_tci = (uint16_t)vlan_stripped;
		}
		if (rte_ring_sp_enqueue(ethdev->leader->views[i]->inboxes[ethdev->queue], copy) !=
		    0)
			rte_pktmbuf_free(copy);
	}
}

void ethdev_empty_inboxes(struct ethdev *leader)
{
	void *frame;

	for (uint16_t to = 0; to < leader->queues_count; to++)
		for (uint16_t from = 0; from < leader->queues_count; from++)
			while (leader->views[to]->inboxes[from] != NULL &&
			       rte_ring_sc_dequeue(leader->views[to]->inboxes[from], &frame) == 0)
				rte_pktmbuf_free(frame);
}

void ethdev_queues_free(struct ethdev *leader)
{
	ethdev_empty_inboxes(leader);
	for (uint16_t to = 0; to < leader->queues_count; to++)
		for (uint16_t from = 0; from < leader->queues_count; from++)
			rte_ring_free(leader->views[to]->inboxes[from]);
}

/* ---- keeping out ---- */

void ethdev_ask_out(struct ethdev *leader)
{
	unsigned int phase = atomic_load_explicit(&leader->phase, memory_order_relaxed);

	if ((phase & 1) == 0)
		atomic_store_explicit(&leader->phase, phase + 1, memory_order_relaxed);
}

void ethdev_let_in(struct ethdev *leader)
{
	unsigned int phase = atomic_load_explicit(&leader->phase, memory_order_relaxed);

	/* release: pairs with the acquire in follow(): the device is started when it is seen */
	if ((phase & 1) != 0)
		atomic_store_explicit(&leader->phase, phase + 1, memory_order_release);
}

bool ethdev_are_others_out(const struct ethdev *leader)
{
	unsigned int phase = atomic_load_explicit(&leader->phase, memory_order_relaxed);

	/* acquire: pairs with the release in follow(): what they did to the device is over */
	for (uint16_t i = 1; i < leader->queues_count; i++)
		if (atomic_load_explicit(&leader->views[i]->phase_seen, memory_order_acquire) !=
		    phase)
			return false;
	return true;
}

void ethdev_follow(struct ethdev *ethdev)
{
	/* acquire: pairs with the release in let_in() */
	unsigned int phase = atomic_load_explicit(&ethdev->leader->phase, memory_order_acquire);

	if (phase == atomic_load_explicit(&ethdev->phase_seen, memory_order_relaxed))
		return;
	DPS_ASSERT(ethdev->lent_count == 0);
	if ((phase & 1) != 0)
		ethdev_drop_unsent(ethdev);
	ethdev->is_started = (phase & 1) == 0;
	/* release: pairs with the acquire in are_others_out() */
	atomic_store_explicit(&ethdev->phase_seen, phase, memory_order_release);
}
