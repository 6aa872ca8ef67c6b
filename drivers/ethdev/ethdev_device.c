/* SPDX-License-Identifier: BSD-3-Clause */
/* Device: from a port's name to a configured DPDK device, and back. */
#include "drivers/ethdev/eal_log.h"
#include "drivers/ethdev/ethdev_private.h"
#include "drivers/ethdev/interface.h"
#include "engine/bits.h"
#include <errno.h>
#include <rte_bus_vdev.h>
#include <rte_dev.h>
#include <rte_eal_memconfig.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum {
	/* What the kernel puts in front of a received frame in af_packet's ring (TPACKET2_HDRLEN,
	 * aligned, and 2 bytes so that IP is). */
	AF_PACKET_HEADER_BYTES = 66,
	AF_PACKET_FRAMES = 256,
	PAGE_BYTES = 4096,
	AF_XDP_DESCRIPTORS = 2048,
	/*
	 * A memif ring's buffers are written in turn. One that the receiver read last time, and
	 * still has in a cache of its own, takes longer to be had for writing than one that left
	 * it for the cache that both share.
	 */
	MEMIF_RING_BYTES = 3 << 19,
	MEMIF_DESCRIPTORS_MAX = 1024,
};

__attribute__((format(printf, 4, 5))) static int refuse(char *why, size_t why_bytes, int err,
							const char *format, ...)
{
	va_list list;

	va_start(list, format);
	vsnprintf(why, why_bytes, format, list);
	va_end(list);
	return err;
}

static uint32_t frame_bytes_of(uint32_t mtu)
{
	return mtu + DPS_FRAME_MAC_BYTES + DPS_FRAME_VLAN_BYTES;
}

static uint16_t log2_of(uint32_t power)
{
	return (uint16_t)__builtin_ctz(power);
}

uint32_t ethdev_af_packet_frame(const struct ethdev *ethdev)
{
	return (uint32_t)dps_round_up(ethdev->frame_bytes + AF_PACKET_HEADER_BYTES, 1024);
}

/* Frames lie back to back in a block, blocks are whole pages (rte_eth_af_packet.c). */
static void write_af_packet(const struct ethdev *ethdev, char *arguments, size_t arguments_bytes)
{
	uint32_t frame = ethdev_af_packet_frame(ethdev);
	uint32_t block = frame;

	while (block % PAGE_BYTES != 0)
		block *= 2;
	snprintf(arguments, arguments_bytes,
		 "net_af_packet_dps%u,iface=%s,qpairs=%u,framesz=%u,blocksz=%u,framecnt=%u",
		 ethdev->serial, ethdev->name.what, ethdev->queues_count, frame, block,
		 AF_PACKET_FRAMES);
}

static uint32_t memif_buffer_bytes(const struct ethdev *ethdev)
{
	return (uint32_t)dps_round_up(ethdev->frame_bytes, 512);
}

/*
 * The id makes the two agree on the number of queues: net_memif 22.11 would poll queues that its
 * peer does not have, and take another's packets for theirs.
 */
static void write_memif(const struct ethdev *ethdev, char *arguments, size_t arguments_bytes)
{
	snprintf(arguments, arguments_bytes,
		 "net_memif_dps%u,role=%s,id=%d,socket=%s,socket-abstract=no,bsize=%u,rsize=%u%s",
		 ethdev->serial, ethdev->is_server ? "server" : "client", ethdev->queues_count - 1,
		 ethdev->memif_socket, memif_buffer_bytes(ethdev), log2_of(ethdev->descriptors),
		 ethdev->is_zero_copy ? ",zero-copy=yes" : "");
}

static void write_arguments(const struct ethdev *ethdev, char *arguments, size_t arguments_bytes)
{
	switch (ethdev->name.kind) {
	case DPS_PORT_MEMIF:
		write_memif(ethdev, arguments, arguments_bytes);
		return;
	case DPS_PORT_AF_PACKET:
		write_af_packet(ethdev, arguments, arguments_bytes);
		return;
	case DPS_PORT_AF_XDP:
		snprintf(arguments, arguments_bytes, "net_af_xdp_dps%u,iface=%s,queue_count=%u",
			 ethdev->serial, ethdev->name.what, ethdev->queues_count);
		return;
	case DPS_PORT_PCI:
	case DPS_PORT_VDEV:
	case DPS_PORT_UDP:
		snprintf(arguments, arguments_bytes, "%s", ethdev->name.what);
		return;
	}
}

static int plan_memif(struct ethdev *ethdev, const struct dps_ethdev_config *config, char *why,
		      size_t why_bytes)
{
	int err = ethdev_memif_check_folder(&ethdev->name, why, why_bytes);

	if (err == 0)
		err = ethdev_memif_check_socket(&ethdev->name, why, why_bytes);
	if (err == 0 && config->is_server)
		err = ethdev_memif_clear_socket(&ethdev->name, why, why_bytes);
	if (err == 0)
		err = dps_gate_open(why, why_bytes);
	if (err != 0)
		return err;
	ethdev->is_memif = true;
	ethdev->is_server = config->is_server;
	err = ethdev_memif_name_socket(ethdev, why, why_bytes);
	if (err != 0)
		return err;
	ethdev->is_zero_copy =
		!config->is_server && !config->keeps_heap && rte_mcfg_get_single_file_segments();
	/* A frame must be one descriptor on memif: the client's buffers are sent as they lie. */
	ethdev->copies_bodies = ethdev->is_zero_copy;
	ethdev->port.mtu = config->mtu != 0 ? config->mtu : DPS_ETHDEV_MEMIF_MTU;
	dps_gate_add(&ethdev->gate);
	return 0;
}

static int plan_interface(struct ethdev *ethdev, const struct dps_ethdev_config *config, char *why,
			  size_t why_bytes)
{
	const char *interface = ethdev->name.what;
	int err = dps_interface_mtu(interface, &ethdev->port.mtu);

	if (err != 0)
		return refuse(
			why, why_bytes, err,
			"%s: there is no network interface \"%s\" (%s): `ip link` lists them.",
			ethdev->name.text, interface, strerror(-err));
	/* DPDK would set the kernel's MTU; that is not ours to change. */
	if (config->mtu > ethdev->port.mtu)
		return refuse(why, why_bytes, -EINVAL,
			      "%s: the interface's MTU is %u, not %u: run `sudo ip link set %s mtu "
			      "%u`.",
			      ethdev->name.text, ethdev->port.mtu, config->mtu, interface,
			      config->mtu);
	ethdev->has_kernel_side = true;
	if (config->mtu != 0)
		ethdev->port.mtu = config->mtu;
	else if (ethdev->port.mtu > DPS_ETHDEV_MTU_MAX)
		ethdev->port.mtu = DPS_ETHDEV_MTU_MAX; /* loopback's */
	return 0;
}

static uint16_t default_descriptors(const struct ethdev *ethdev)
{
	uint16_t count = ETHDEV_DESCRIPTORS;

	if (ethdev->name.kind != DPS_PORT_MEMIF)
		return count;
	while (count < MEMIF_DESCRIPTORS_MAX &&
	       count * memif_buffer_bytes(ethdev) < MEMIF_RING_BYTES)
		count *= 2;
	return count;
}

int ethdev_device_plan(struct ethdev *ethdev, const struct dps_ethdev_config *config, char *why,
		       size_t why_bytes)
{
	uint32_t descriptors = config->descriptors;
	int err = 0;

	if (config->mtu != 0 &&
	    (config->mtu < DPS_ETHDEV_MTU_MIN || config->mtu > DPS_ETHDEV_MTU_MAX))
		return refuse(why, why_bytes, -EINVAL, "An MTU is %d to %d bytes, not %u.",
			      DPS_ETHDEV_MTU_MIN, DPS_ETHDEV_MTU_MAX, config->mtu);
	if (descriptors != 0 &&
	    (!dps_is_power_of_two(descriptors) || descriptors < 2 * DPS_PORT_BURST ||
	     descriptors > 1u << ETHDEV_MEMIF_RING_LOG2_MAX))
		return refuse(why, why_bytes, -EINVAL,
			      "A ring has a power of two of descriptors, 64 to 16384, not %u.",
			      descriptors);
	if (ethdev->name.kind == DPS_PORT_MEMIF)
		err = plan_memif(ethdev, config, why, why_bytes);
	else if (ethdev->name.kind == DPS_PORT_AF_PACKET || ethdev->name.kind == DPS_PORT_AF_XDP)
		err = plan_interface(ethdev, config, why, why_bytes);
	else if (ethdev->name.kind == DPS_PORT_UDP)
		err = refuse(why, why_bytes, -EINVAL, "%s is no DPDK port.", ethdev->name.text);
	ethdev->frame_bytes = frame_bytes_of(ethdev->port.mtu);
	ethdev->descriptors = default_descriptors(ethdev);
	if (ethdev->name.kind == DPS_PORT_AF_XDP)
		ethdev->descriptors = AF_XDP_DESCRIPTORS;
	else if (descriptors != 0)
		ethdev->descriptors = (uint16_t)descriptors;
	return err;
}

/* Makes the virtual device. */
static int hotplug(struct ethdev *ethdev, char *why, size_t why_bytes)
{
	char arguments[2 * DPS_PORT_NAME_BYTES];
	char last[256];
	char *comma;
	int err;

	write_arguments(ethdev, arguments, sizeof(arguments));
	comma = strchr(arguments, ',');
	if (comma != NULL)
		*comma = '\0';
	snprintf(ethdev->device, sizeof(ethdev->device), "%.63s", arguments);
	err = rte_eal_hotplug_add("vdev", ethdev->device, comma != NULL ? comma + 1 : "");
	if (err == 0) {
		ethdev->is_hotplugged = true;
		return 0;
	}
	dps_eal_log_last(last, sizeof(last));
	return refuse(why, why_bytes, err < 0 ? err : -ENODEV,
		      "%s: DPDK could not make the device (%s).%s", ethdev->name.text,
		      last[0] != '\0' ? last : strerror(err < 0 ? -err : ENODEV),
		      ethdev->has_kernel_side ? " It needs CAP_NET_RAW: run it as root, or with "
						"`setcap cap_net_raw+ep`."
		      : ethdev->name.kind == DPS_PORT_VDEV
			      ? " What it said stands above; see the driver's page on "
				"doc.dpdk.org/guides/nics for its name and arguments."
			      : "");
}

static int find_pci(struct ethdev *ethdev, char *why, size_t why_bytes)
{
	snprintf(ethdev->device, sizeof(ethdev->device), "%.40s", ethdev->name.what);
	if (rte_eth_dev_get_port_by_name(ethdev->device, &ethdev->id) == 0)
		return 0;
	rte_eal_hotplug_add("pci", ethdev->device, "");
	if (rte_eth_dev_get_port_by_name(ethdev->device, &ethdev->id) == 0)
		return 0;
	return refuse(why, why_bytes, -ENODEV,
		      "%s: no DPDK driver took this device: bind it with `sudo dpdk-devbind.py -b "
		      "vfio-pci %s` (not for mlx5), and see that /dev/vfio is yours to use.",
		      ethdev->name.text, ethdev->device);
}

static void choose_offloads(struct ethdev *ethdev, const struct rte_eth_dev_info *info)
{
	const uint64_t checksums = RTE_ETH_TX_OFFLOAD_IPV4_CKSUM | RTE_ETH_TX_OFFLOAD_UDP_CKSUM;

	ethdev->rx_offloads = info->rx_offload_capa &
			      (RTE_ETH_RX_OFFLOAD_IPV4_CKSUM | RTE_ETH_RX_OFFLOAD_UDP_CKSUM);
	ethdev->tx_offloads = info->tx_offload_capa & RTE_ETH_TX_OFFLOAD_MULTI_SEGS;
	/* net_memif takes chains without saying so; af_xdp would send the first segment only. */
	if (!ethdev->is_memif && ethdev->tx_offloads == 0)
		ethdev->copies_bodies = true;
	/* Without a device's help: none over IPv4; over IPv6 only memory is trusted that much. */
	ethdev->checksum_ipv4 = DPS_CHECKSUM_NONE;
	ethdev->checksum_ipv6 = ethdev->is_memif ? DPS_CHECKSUM_NONE : DPS_CHECKSUM_SOFTWARE;
	if ((info->tx_offload_capa & checksums) == checksums) {
		ethdev->checksum_ipv4 = DPS_CHECKSUM_DEVICE;
		ethdev->checksum_ipv6 = DPS_CHECKSUM_DEVICE;
		ethdev->tx_flags_ipv4 =
			RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_TX_IP_CKSUM | RTE_MBUF_F_TX_UDP_CKSUM;
		ethdev->tx_flags_ipv6 = RTE_MBUF_F_TX_IPV6 | RTE_MBUF_F_TX_UDP_CKSUM;
		ethdev->tx_offloads |= checksums;
	}
}

/* The MTU of a device that knows its own. */
static int choose_mtu(struct ethdev *ethdev, uint32_t wanted, const struct rte_eth_dev_info *info,
		      char *why, size_t why_bytes)
{
	uint32_t limit = dps_min_u64(info->max_mtu, DPS_ETHDEV_MTU_MAX);
	uint16_t own = RTE_ETHER_MTU;

	if (ethdev->name.kind == DPS_PORT_MEMIF || ethdev->name.kind == DPS_PORT_AF_PACKET)
		return 0;
	if (ethdev->name.kind == DPS_PORT_AF_XDP) {
		own = (uint16_t)dps_min_u64(ethdev->port.mtu, limit);
	} else {
		rte_eth_dev_get_mtu(ethdev->id, &own);
		if (ethdev->is_memif) /* vdev:net_memif…: only its bsize counts */
			limit = DPS_ETHDEV_MTU_MAX;
	}
	if (wanted > limit)
		return refuse(why, why_bytes, -EINVAL,
			      "%s: the device's largest MTU is %u, not %u.", ethdev->name.text,
			      limit, wanted);
	ethdev->port.mtu = wanted != 0 ? wanted : own;
	ethdev->frame_bytes = frame_bytes_of(ethdev->port.mtu);
	return 0;
}

int ethdev_device_attach(struct ethdev *ethdev, const struct dps_ethdev_config *config, char *why,
			 size_t why_bytes)
{
	struct rte_eth_dev_info info;
	int err;

	if (ethdev->name.kind == DPS_PORT_PCI)
		err = find_pci(ethdev, why, why_bytes);
	else
		err = hotplug(ethdev, why, why_bytes);
	if (err != 0)
		return err;
	err = rte_eth_dev_get_port_by_name(ethdev->device, &ethdev->id);
	if (err == 0)
		err = rte_eth_dev_info_get(ethdev->id, &info);
	if (err != 0)
		return refuse(why, why_bytes, err, "%s: DPDK does not know device %s (%s).",
			      ethdev->name.text, ethdev->device, strerror(-err));
	ethdev->is_attached = true;
	if (!ethdev->is_memif && strcmp(info.driver_name, "net_memif") == 0) {
		err = dps_gate_open(why, why_bytes);
		if (err != 0)
			return err;
		ethdev->is_memif = true;
		dps_gate_add(&ethdev->gate);
	}
	if (ethdev->queues_count > info.max_rx_queues || ethdev->queues_count > info.max_tx_queues)
		return refuse(why, why_bytes, -EINVAL,
			      "%s: the device has %u queue pairs, too few for %u lanes.",
			      ethdev->name.text,
			      (unsigned int)dps_min_u64(info.max_rx_queues, info.max_tx_queues),
			      ethdev->queues_count);
	ethdev->needs_iova =
		ethdev->name.kind == DPS_PORT_PCI || ethdev->name.kind == DPS_PORT_VDEV;
	choose_offloads(ethdev, &info);
	return choose_mtu(ethdev, config->mtu, &info, why, why_bytes);
}

static int setup_queues(struct ethdev *ethdev, int socket)
{
	struct rte_eth_conf conf = { 0 };
	struct rte_eth_dev_info info;
	uint16_t rx = ethdev->descriptors, tx = ethdev->descriptors;
	int err;

	conf.rxmode.offloads = ethdev->rx_offloads;
	conf.txmode.offloads = ethdev->tx_offloads;
	/* memif and af_packet 22.11 call 1518 their largest frame, but carry what fits a buffer. */
	if (!ethdev->is_memif && ethdev->name.kind != DPS_PORT_AF_PACKET)
		conf.rxmode.mtu = ethdev->port.mtu;
	if (ethdev->queues_count > 1 && rte_eth_dev_info_get(ethdev->id, &info) == 0 &&
	    ethdev_steering_hash(&info) != 0) {
		conf.rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
		conf.rx_adv_conf.rss_conf.rss_hf = ethdev_steering_hash(&info);
	}
	err = rte_eth_dev_configure(ethdev->id, ethdev->queues_count, ethdev->queues_count, &conf);
	if (err == 0)
		err = rte_eth_dev_adjust_nb_rx_tx_desc(ethdev->id, &rx, &tx);
	if (err == 0)
		err = rte_eth_dev_info_get(ethdev->id, &info);
	if (err != 0)
		return err;
	/* Any fast free would take a chain for buffers of one pool. */
	info.default_txconf.offloads = ethdev->tx_offloads;
	info.default_rxconf.offloads = ethdev->rx_offloads;
	for (uint16_t i = 0; i < ethdev->queues_count && err == 0; i++) {
		err = rte_eth_rx_queue_setup(ethdev->id, i, rx, (unsigned int)socket,
					     &info.default_rxconf, ethdev->views[i]->rx_pool);
		if (err == 0)
			err = rte_eth_tx_queue_setup(ethdev->id, i, tx, (unsigned int)socket,
						     &info.default_txconf);
	}
	return err;
}

int ethdev_device_configure(struct ethdev *ethdev, char *why, size_t why_bytes)
{
	struct rte_ether_addr mac;
	char last[256];
	int err = setup_queues(ethdev, rte_eth_dev_socket_id(ethdev->id));

	if (err == 0)
		err = rte_eth_macaddr_get(ethdev->id, &mac);
	if (err != 0) {
		dps_eal_log_last(last, sizeof(last));
		return refuse(why, why_bytes, err,
			      "%s: DPDK could not configure the device (%s; %s).",
			      ethdev->name.text, strerror(-err), last);
	}
	memcpy(ethdev->self.address.mac, mac.addr_bytes, sizeof(mac.addr_bytes));
	ethdev->self.address.has_mac = 1;
	ethdev->can_clean = rte_eth_tx_done_cleanup(ethdev->id, 0, 1) >= 0;
	/* Solicitations come to groups. Who cannot hear them is still found by who knows its MAC.
	 */
	if (ethdev->has_kernel_side)
		ethdev->groups_fd = dps_interface_hear_groups(ethdev->name.what);
	else
		rte_eth_allmulticast_enable(ethdev->id);
	return 0;
}

void ethdev_device_detach(struct ethdev *ethdev)
{
	if (ethdev->is_attached) {
		ethdev_enter(ethdev);
		if (ethdev->is_started)
			rte_eth_dev_stop(ethdev->id);
		ethdev->is_started = false;
		rte_eth_dev_close(ethdev->id);
		ethdev_leave(ethdev);
		ethdev->is_attached = false;
	}
	if (ethdev->is_hotplugged)
		rte_eal_hotplug_remove("vdev", ethdev->device);
	ethdev->is_hotplugged = false;
}

bool ethdev_device_is_up(struct ethdev *ethdev)
{
	struct rte_eth_link link;

	if (!ethdev->is_started)
		return false;
	if (ethdev->has_kernel_side)
		return dps_interface_is_running(ethdev->name.what);
	return rte_eth_link_get_nowait(ethdev->id, &link) == 0 && link.link_status != 0;
}
