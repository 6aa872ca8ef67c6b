/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Steering: how a lane's packets come to its queue. Best is a rule of the NIC's for a UDP port of
 * each lane; else, where the NIC tells how it scales, a port is chosen for which its hash names the
 * queue. What both leave is handed over (ethdev_queues.c), as is everything where there is neither.
 */
#include "drivers/ethdev/ethdev_port.h"
#include "drivers/ethdev/ethdev_private.h"
#include <dps/assert.h>
#include <errno.h>
#include <rte_flow.h>
#include <string.h>

/* One rule: UDP to the lane's port goes to its queue. NULL where the device does not take it. */
static struct rte_flow *create_rule(const struct ethdev *leader, uint16_t queue)
{
	const struct rte_flow_attr attributes = { .ingress = 1 };
	const struct rte_flow_item_udp port = {
		.hdr.dst_port = rte_cpu_to_be_16((uint16_t)(leader->self.address.udp_port + queue)),
	};
	const struct rte_flow_item_udp mask = { .hdr.dst_port = UINT16_MAX };
	const struct rte_flow_action_queue to = { .index = queue };
	const bool is_ipv6 = leader->self.address.family == DPS_ADDRESS_IPV6;
	const struct rte_flow_item pattern[] = {
		{ .type = RTE_FLOW_ITEM_TYPE_ETH },
		{ .type = leader->self.vlan != 0 ? RTE_FLOW_ITEM_TYPE_VLAN
						 : RTE_FLOW_ITEM_TYPE_VOID },
		{ .type = is_ipv6 ? RTE_FLOW_ITEM_TYPE_IPV6 : RTE_FLOW_ITEM_TYPE_IPV4 },
		{ .type = RTE_FLOW_ITEM_TYPE_UDP, .spec = &port, .mask = &mask },
		{ .type = RTE_FLOW_ITEM_TYPE_END },
	};
	const struct rte_flow_action actions[] = {
		{ .type = RTE_FLOW_ACTION_TYPE_QUEUE, .conf = &to },
		{ .type = RTE_FLOW_ACTION_TYPE_END },
	};
	struct rte_flow_error error;

	if (rte_flow_validate(leader->id, &attributes, pattern, actions, &error) != 0)
		return NULL;
	return rte_flow_create(leader->id, &attributes, pattern, actions, &error);
}

/* All rules or none: half of them would steer some lanes past their hash. */
static bool create_rules(struct ethdev *leader)
{
	struct rte_flow *rules[DPS_ETHDEV_QUEUES_MAX];
	struct rte_flow_error error;
	uint16_t count = 0;

	while (count < leader->queues_count && (rules[count] = create_rule(leader, count)) != NULL)
		count++;
	if (count == leader->queues_count)
		return true;
	while (count > 0)
		(void)rte_flow_destroy(leader->id, rules[--count], &error);
	return false;
}

static int ask_key(struct ethdev *leader, const struct rte_eth_dev_info *info)
{
	struct dps_steering *steering = &leader->steering;
	struct rte_eth_rss_conf conf = {
		.rss_key = steering->key,
		.rss_key_len =
			info->hash_key_size != 0 ? info->hash_key_size : DPS_STEERING_KEY_BYTES_MIN,
	};
	int err;

	if (conf.rss_key_len > DPS_STEERING_KEY_BYTES_MAX)
		return -ENOTSUP;
	err = rte_eth_dev_rss_hash_conf_get(leader->id, &conf);
	if (err != 0)
		return err;
	steering->key_bytes = conf.rss_key_len;
	steering->has_ipv4_ports = (conf.rss_hf & RTE_ETH_RSS_NONFRAG_IPV4_UDP) != 0;
	steering->has_ipv6_ports = (conf.rss_hf & RTE_ETH_RSS_NONFRAG_IPV6_UDP) != 0;
	return 0;
}

/* Whether every queue has a share of the table. */
static bool is_complete(const struct rte_eth_rss_reta_entry64 *groups, uint16_t entries,
			uint16_t queues_count)
{
	uint32_t seen = 0;

	for (uint16_t i = 0; i < entries; i++)
		seen |= UINT32_C(1)
			<< (groups[i / RTE_ETH_RETA_GROUP_SIZE].reta[i % RTE_ETH_RETA_GROUP_SIZE] &
			    31);
	return seen == (UINT32_C(1) << queues_count) - 1;
}

static int ask_table(struct ethdev *leader, const struct rte_eth_dev_info *info)
{
	struct rte_eth_rss_reta_entry64
		groups[DPS_STEERING_ENTRIES_MAX / RTE_ETH_RETA_GROUP_SIZE] = { 0 };
	const uint16_t entries = info->reta_size;
	int err;

	if (entries == 0 || entries > DPS_STEERING_ENTRIES_MAX ||
	    entries % RTE_ETH_RETA_GROUP_SIZE != 0)
		return -ENOTSUP;
	for (uint16_t i = 0; i < entries / RTE_ETH_RETA_GROUP_SIZE; i++)
		groups[i].mask = UINT64_MAX;
	err = rte_eth_dev_rss_reta_query(leader->id, groups, entries);
	if (err == 0 && !is_complete(groups, entries, leader->queues_count)) {
		for (uint16_t i = 0; i < entries; i++)
			groups[i / RTE_ETH_RETA_GROUP_SIZE].reta[i % RTE_ETH_RETA_GROUP_SIZE] =
				i % leader->queues_count;
		err = rte_eth_dev_rss_reta_update(leader->id, groups, entries);
	}
	for (uint16_t i = 0; i < entries && err == 0; i++)
		leader->steering.queues[i] =
			groups[i / RTE_ETH_RETA_GROUP_SIZE].reta[i % RTE_ETH_RETA_GROUP_SIZE];
	leader->steering.entries = entries;
	return err;
}

uint64_t ethdev_steering_hash(const struct rte_eth_dev_info *info)
{
	return info->flow_type_rss_offloads &
	       (RTE_ETH_RSS_NONFRAG_IPV4_UDP | RTE_ETH_RSS_NONFRAG_IPV6_UDP);
}

void ethdev_steering_setup(struct ethdev *leader)
{
	struct rte_eth_dev_info info;

	if (leader->queues_count == 1 || create_rules(leader) ||
	    rte_eth_dev_info_get(leader->id, &info) != 0 || ethdev_steering_hash(&info) == 0)
		return;
	if (ask_key(leader, &info) != 0 || ask_table(leader, &info) != 0)
		leader->steering.entries = 0;
}

uint16_t dps_ethdev_choose_port(const struct dps_port *port, const struct dps_address *remote)
{
	const struct ethdev *ethdev = (const struct ethdev *)port;
	const struct ethdev *leader = ethdev->leader;
	uint16_t chosen = 0;

	if (leader->steering.entries != 0)
		chosen = dps_steering_choose_port(&leader->steering, remote, &leader->self.address,
						  leader->self.udp_ports, ethdev->queue);
	return chosen != 0 ? chosen : port->local.udp_port;
}
