/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * UDP name: a port over kernel sockets as users write it, "udp" or "udp:ADDRESS", and what they are
 * told when there can be none. Of any thread.
 */
#pragma once
#include <dps/types.h>
#include <stdbool.h>
#include <stddef.h>

/* Whether it is of this kind at all; the address is not looked at. */
bool dps_udp_is_name(const char *name);

/*
 * Where to listen; family NONE: on every address. IPv6 is written with brackets or without; a
 * link-local one with its interface, fe80::1%eth0. Returns 0, or -EINVAL and a sentence in why.
 */
int dps_udp_read_name(const char *name, struct dps_address *bind, char *why, size_t why_bytes);

/* What an error of dps_udp_open() means for a port of that name, as a sentence. */
void dps_udp_explain(const char *name, int error, char *why, size_t why_bytes);
