/* SPDX-License-Identifier: BSD-3-Clause */
#include "drivers/ethdev/interface.h"
#include <errno.h>
#include <net/if.h>
#include <netpacket/packet.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

static int ask(const char *name, unsigned long what, struct ifreq *request)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int err = 0;

	if (fd < 0)
		return -errno;
	*request = (struct ifreq){ 0 };
	snprintf(request->ifr_name, sizeof(request->ifr_name), "%s", name);
	if (ioctl(fd, what, request) != 0)
		err = -errno;
	close(fd);
	return err;
}

int dps_interface_mtu(const char *name, uint32_t *mtu)
{
	struct ifreq request;
	int err = ask(name, SIOCGIFMTU, &request);

	if (err == 0)
		*mtu = (uint32_t)request.ifr_mtu;
	return err;
}

bool dps_interface_is_running(const char *name)
{
	struct ifreq request;
	int wanted = IFF_UP | IFF_RUNNING;

	return ask(name, SIOCGIFFLAGS, &request) == 0 && (request.ifr_flags & wanted) == wanted;
}

int dps_interface_hear_groups(const char *name)
{
	struct packet_mreq request = { .mr_type = PACKET_MR_ALLMULTI };
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	int err;

	if (fd < 0)
		return -errno;
	request.mr_ifindex = (int)if_nametoindex(name);
	if (setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &request, sizeof(request)) == 0)
		return fd;
	err = -errno;
	close(fd);
	return err;
}
