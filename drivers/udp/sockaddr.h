/* SPDX-License-Identifier: BSD-3-Clause */
/* Sockaddr: between our addresses and the kernel's, and the MTU of the device behind one. */
#pragma once
#include <dps/types.h>
#include <sys/socket.h>

/*
 * Writes address for a socket of family AF_INET, or of AF_INET6 where IPv4 is mapped into IPv6
 * (RFC 4291 section 2.5.5.2). Family NONE is every address.
 * Returns the length. Errors: -EAFNOSUPPORT an IPv6 address for an IPv4 socket.
 */
int dps_sockaddr_encode(const struct dps_address *address, int socket_family,
			struct sockaddr_storage *storage);

/* The other way; mapped IPv4 comes out as IPv4. An unknown family becomes NONE. */
void dps_sockaddr_decode(const struct sockaddr_storage *storage, struct dps_address *address);

/*
 * The MTU of the interface that has address; for family NONE the smallest and largest of those that
 * are up, loopback only when there is nothing else. 1500 when nothing is known.
 */
void dps_sockaddr_find_mtu(const struct dps_address *address, uint32_t *smallest,
			   uint32_t *largest);
