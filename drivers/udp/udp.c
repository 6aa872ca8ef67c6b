/* SPDX-License-Identifier: BSD-3-Clause */
#include "drivers/udp/udp.h"
#include "drivers/udp/parts.h"
#include "drivers/udp/sockaddr.h"
#include "engine/bits.h"
#include <dps/assert.h>
#include <errno.h>
#include <linux/mman.h>
#include <linux/sock_diag.h>
#include <netinet/ip.h>
#include <netinet/udp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define HUGE_PAGE_BYTES (UINT64_C(2) << 20)
#define DROPS_EVERY_NS (100 * DPS_NS_PER_MS)

/* Moves the payload, which follows the envelope, to the start of a cache line. */
#define BUFFER_SKEW (64 - DPS_ENVELOPE_BYTES % 64)

static void udp_poll(struct dps_port *port, uint64_t now_ns)
{
	struct dps_udp *udp = dps_udp_of(port);
	uint32_t information[SK_MEMINFO_VARS];
	socklen_t bytes = sizeof(information);

	if (now_ns < udp->drops_due_ns)
		return;
	udp->drops_due_ns = now_ns + DROPS_EVERY_NS;
	if (getsockopt(udp->fd, SOL_SOCKET, SO_MEMINFO, information, &bytes) == 0 &&
	    bytes == sizeof(information)) {
		uint32_t drops = information[SK_MEMINFO_DROPS];

		port->counters.dropped_no_buffer += drops - udp->kernel_drops;
		udp->kernel_drops = drops;
	}
}

/* That nothing came spares the next receive a system call. */
static void udp_wait(struct dps_port *port, uint64_t most_ns)
{
	struct dps_udp *udp = dps_udp_of(port);
	struct pollfd wanted = { .fd = udp->fd, .events = POLLIN };
	const struct timespec most = { .tv_sec = (time_t)(most_ns / DPS_NS_PER_S),
				       .tv_nsec = (long)(most_ns % DPS_NS_PER_S) };

	if (dps_udp_has_more(&udp->in))
		return;
	if (udp->out.is_full)
		wanted.events |= POLLOUT;
	udp->in.is_known_empty = ppoll(&wanted, 1, &most, NULL) == 0;
}

static bool udp_is_up(const struct dps_port *port)
{
	(void)port;
	return true;
}

static int udp_add_remote(struct dps_port *port, const struct dps_address *address)
{
	struct dps_udp *udp = dps_udp_of(port);

	if (address->family == DPS_ADDRESS_NONE || address->udp_port == 0)
		return -EINVAL;
	if (address->family == DPS_ADDRESS_IPV4 && udp->family == AF_INET6 && !udp->is_dual)
		return -EAFNOSUPPORT;
	for (int i = 0; i < DPS_UDP_REMOTES_MAX; i++) {
		struct dps_udp_remote *remote = &udp->remotes[i];
		int bytes;

		if (remote->to_bytes != 0)
			continue;
		bytes = dps_sockaddr_encode(address, udp->family, &remote->to);
		if (bytes < 0)
			return bytes;
		remote->to_bytes = (uint32_t)bytes;
		remote->is_without_train = false;
		return i;
	}
	return -ENOSPC;
}

static void udp_remove_remote(struct dps_port *port, uint32_t remote)
{
	DPS_ASSERT(remote < DPS_UDP_REMOTES_MAX);
	dps_udp_of(port)->remotes[remote].to_bytes = 0;
}

/*
 * Pages are left to the first touch: slots are recycled last in first out, so that what is never
 * in flight never becomes memory.
 */
static bool map(struct dps_udp_region *region, size_t bytes)
{
	const int flags = MAP_PRIVATE | MAP_ANONYMOUS;

	region->bytes = dps_round_up(bytes, HUGE_PAGE_BYTES);
	region->memory = mmap(NULL, region->bytes, PROT_READ | PROT_WRITE,
			      flags | MAP_HUGETLB | MAP_HUGE_2MB, -1, 0);
	if (region->memory != MAP_FAILED)
		return true;
	region->bytes = dps_round_up(bytes, DPS_PAGE_BYTES);
	region->memory = mmap(NULL, region->bytes, PROT_READ | PROT_WRITE, flags, -1, 0);
	if (region->memory == MAP_FAILED)
		return false;
	madvise(region->memory, region->bytes, MADV_HUGEPAGE); /* refused is as good */
	return true;
}

static void *udp_allocate(struct dps_port *port, size_t bytes)
{
	struct dps_udp *udp = dps_udp_of(port);
	struct dps_udp_region *region = &udp->regions[udp->regions_count];

	if (udp->regions_count == DPS_UDP_REGIONS_MAX || bytes == 0 || bytes > SIZE_MAX / 2 ||
	    !map(region, bytes))
		return NULL;
	udp->regions_count++;
	return region->memory;
}

static void udp_close(struct dps_port *port)
{
	struct dps_udp *udp = dps_udp_of(port);

	if (udp->fd >= 0)
		close(udp->fd);
	if (udp->in.buffers.bytes != 0)
		munmap(udp->in.buffers.memory, udp->in.buffers.bytes);
	for (uint32_t i = 0; i < udp->regions_count; i++)
		munmap(udp->regions[i].memory, udp->regions[i].bytes);
	free(udp);
}

static const struct dps_port_ops udp_ops = {
	.receive = dps_udp_receive,
	.release = dps_udp_release,
	.send = dps_udp_send,
	.poll = udp_poll,
	.wait = udp_wait,
	.is_up = udp_is_up,
	.add_remote = udp_add_remote,
	.remove_remote = udp_remove_remote,
	.allocate = udp_allocate,
	.close = udp_close,
};

static int open_socket(struct dps_udp *udp, const struct dps_udp_options *options)
{
	const int type = SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC;
	int is_only_ipv6;

	udp->family = options->bind.family == DPS_ADDRESS_IPV4 ? AF_INET : AF_INET6;
	udp->is_dual = options->bind.family == DPS_ADDRESS_NONE;
	udp->fd = socket(udp->family, type, 0);
	if (udp->fd < 0 && errno == EAFNOSUPPORT && udp->is_dual) {
		udp->family = AF_INET;
		udp->fd = socket(udp->family, type, 0);
	}
	if (udp->fd < 0)
		return -errno;
	is_only_ipv6 = !udp->is_dual;
	if (udp->family == AF_INET6 && setsockopt(udp->fd, IPPROTO_IPV6, IPV6_V6ONLY, &is_only_ipv6,
						  sizeof(is_only_ipv6)) != 0)
		return -errno;
	return 0;
}

static int set(const struct dps_udp *udp, int level, int option, int value)
{
	return setsockopt(udp->fd, level, option, &value, sizeof(value)) == 0 ? 0 : -errno;
}

/* Without fragments a datagram is lost whole or not at all, and the engine learns the MTU. */
static int forbid_fragments(const struct dps_udp *udp)
{
	int error = 0;

	if (udp->family == AF_INET6) {
		error = set(udp, IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_DO);
		if (error == 0)
			error = set(udp, IPPROTO_IPV6, IPV6_DONTFRAG, 1);
	}
	if (error == 0 && (udp->family == AF_INET || udp->is_dual))
		error = set(udp, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DO);
	return error;
}

static void ask_for_ecn(const struct dps_udp *udp)
{
	if (udp->family == AF_INET6)
		set(udp, IPPROTO_IPV6, IPV6_RECVTCLASS, 1);
	if (udp->family == AF_INET || udp->is_dual)
		set(udp, IPPROTO_IP, IP_RECVTOS, 1);
}

/* Beyond net.core.rmem_max where the process may, else up to it. */
static void enlarge_buffers(struct dps_udp *udp, uint32_t bytes)
{
	socklen_t length = sizeof(udp->receive_buffer_bytes);
	int value = (int)dps_min_u64(bytes, INT32_MAX / 2); /* the kernel doubles it */

	if (set(udp, SOL_SOCKET, SO_RCVBUFFORCE, value) != 0)
		set(udp, SOL_SOCKET, SO_RCVBUF, value);
	/* A long queue to send from would only add delay: a full one tells the lane to wait. */
	if (set(udp, SOL_SOCKET, SO_SNDBUFFORCE, value / 4) != 0)
		set(udp, SOL_SOCKET, SO_SNDBUF, value / 4);
	getsockopt(udp->fd, SOL_SOCKET, SO_RCVBUF, &udp->receive_buffer_bytes, &length);
}

static int choose_mtu(struct dps_udp *udp, const struct dps_udp_options *options)
{
	uint32_t smallest, largest, mtu = options->mtu;

	dps_sockaddr_find_mtu(&options->bind, &smallest, &largest);
	if (mtu == 0)
		mtu = (uint32_t)dps_min_u64(smallest, DPS_UDP_MTU_DEFAULT_MAX);
	else if (mtu > largest)
		return -EMSGSIZE;
	if (mtu < DPS_UDP_MTU_MIN || mtu > DPS_UDP_MTU_MAX)
		return -ERANGE;
	udp->port.mtu = mtu;
	return 0;
}

static int bind_socket(struct dps_udp *udp, const struct dps_udp_options *options)
{
	struct dps_address wanted = options->bind;
	struct sockaddr_storage storage;
	socklen_t length = sizeof(storage);
	int bytes;

	wanted.udp_port = options->udp_port;
	bytes = dps_sockaddr_encode(&wanted, udp->family, &storage);
	if (bytes < 0)
		return bytes;
	if (bind(udp->fd, (struct sockaddr *)&storage, (socklen_t)bytes) != 0 ||
	    getsockname(udp->fd, (struct sockaddr *)&storage, &length) != 0)
		return -errno;
	dps_sockaddr_decode(&storage, &udp->port.local);
	if (udp->is_dual)
		udp->port.local.family = DPS_ADDRESS_NONE;
	udp->port.local.mtu = (uint16_t)udp->port.mtu;
	return 0;
}

/* Receiving trains needs buffers of the largest one; of each only what is used becomes memory. */
static int prepare_buffers(struct dps_udp *udp)
{
	size_t room = udp->may_receive_trains
			      ? UINT16_MAX
			      : dps_port_datagram_bytes(udp->port.mtu, DPS_ADDRESS_IPV4);
	size_t stride = dps_round_up(BUFFER_SKEW + room, 64);

	if (!map(&udp->in.buffers, stride * DPS_PORT_BURST)) {
		udp->in.buffers.bytes = 0;
		return -ENOMEM;
	}
	dps_udp_inbox_init(&udp->in, stride, BUFFER_SKEW);
	return 0;
}

/* UDP_SEGMENT is given with each message; asked here whether this kernel has it. */
static void ask_for_trains(struct dps_udp *udp)
{
	int size;
	socklen_t length = sizeof(size);

	udp->may_receive_trains = set(udp, SOL_UDP, UDP_GRO, 1) == 0;
	udp->out.may_train = getsockopt(udp->fd, SOL_UDP, UDP_SEGMENT, &size, &length) == 0;
}

int dps_udp_open(const struct dps_udp_options *options, struct dps_port **port)
{
	struct dps_udp *udp;
	int error;

	if (options->bind.family > DPS_ADDRESS_IPV6)
		return -EINVAL;
	udp = calloc(1, sizeof(*udp));
	if (udp == NULL)
		return -ENOMEM;
	snprintf(udp->name, sizeof(udp->name), "%s", options->name != NULL ? options->name : "udp");
	udp->port.name = udp->name;
	udp->port.ops = &udp_ops;
	error = open_socket(udp, options);
	if (error == 0)
		error = choose_mtu(udp, options);
	if (error == 0)
		error = forbid_fragments(udp);
	if (error == 0)
		error = bind_socket(udp, options);
	if (error == 0 && !options->is_without_offload)
		ask_for_trains(udp);
	if (error == 0)
		error = prepare_buffers(udp);
	if (error != 0) {
		udp_close(&udp->port);
		return error;
	}
	ask_for_ecn(udp);
	enlarge_buffers(udp, options->buffer_bytes != 0 ? options->buffer_bytes
							: DPS_UDP_BUFFER_BYTES_DEFAULT);
	*port = &udp->port;
	return 0;
}

int dps_udp_fd(const struct dps_port *port)
{
	return dps_udp_of(port)->fd;
}

uint32_t dps_udp_receive_buffer_bytes(const struct dps_port *port)
{
	return dps_udp_of(port)->receive_buffer_bytes;
}
