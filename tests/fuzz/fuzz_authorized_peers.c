/* SPDX-License-Identifier: BSD-3-Clause */
/* Fuzz: a file of trusted keys, as a user, or somebody who got at it, writes it. */
#include "drivers/trust/authorized_peers.h"
#include "tests/fuzz/fuzz.h"
#include <dps/assert.h>
#include <stdio.h>
#include <string.h>

/* However it was written, it does not lead out of the folder that it is looked up in. */
static void check_into(const char *into)
{
	size_t bytes = strlen(into);

	DPS_ASSERT(bytes < DPS_GRANT_INTO_BYTES);
	if (bytes == 0)
		return;
	DPS_ASSERT(into[0] != '/' && into[bytes - 1] != '/' && !strstr(into, "//"));
	DPS_ASSERT(strcmp(into, "..") != 0 && strncmp(into, "../", 3) != 0);
	DPS_ASSERT(!strstr(into, "/../") && (bytes < 3 || strcmp(into + bytes - 3, "/..") != 0));
}

/* What was read, written as we write it, is read as the same. */
static void check_round_trip(const struct dps_authorized_peer *peer)
{
	char text[DPS_FINGERPRINT_TEXT_BYTES], line[DPS_AUTHORIZED_LINE_BYTES_MAX];
	struct dps_authorized_peer again;
	const char *wrong;
	int length;

	DPS_ASSERT(peer->name[0] && strlen(peer->name) < DPS_AUTHORIZED_NAME_BYTES);
	DPS_ASSERT(peer->may & (DPS_MAY_EXPORT | DPS_MAY_COLLECT));
	dps_fingerprint_format(&peer->fingerprint, text);
	length = snprintf(line, sizeof(line), "%s%s%s%s", peer->is_certified ? "ca:" : text,
			  peer->is_certified ? "" : " ", peer->name,
			  peer->may == DPS_MAY_EXPORT	 ? " may=export"
			  : peer->may == DPS_MAY_COLLECT ? " may=collect"
							 : "");
	DPS_ASSERT(dps_authorized_line_parse(&again, line, (size_t)length, &wrong) ==
		   DPS_AUTHORIZED_PEER);
	DPS_ASSERT(again.is_certified == peer->is_certified);
	DPS_ASSERT(!dps_authorized_peer_is_certified(peer, "") &&
		   (peer->is_certified || !dps_authorized_peer_is_certified(peer, peer->name)));
	DPS_ASSERT(dps_fingerprint_is_equal(&again.fingerprint, &peer->fingerprint));
	DPS_ASSERT(strcmp(again.name, peer->name) == 0 && again.may == peer->may);
	check_into(peer->grant.into);
}

static void on_wrong(void *context, unsigned int line, const char *why)
{
	unsigned int *last = context;

	DPS_ASSERT(line > *last && why && why[0]);
	*last = line;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct dps_authorized_peers list;
	unsigned int last = 0;

	if (dps_authorized_peers_parse(&list, (const char *)data, size, on_wrong, &last) < 0)
		return 0;
	DPS_ASSERT(list.count <= DPS_AUTHORIZED_PEERS_MAX);
	for (unsigned int i = 0; i < list.count; i++)
		check_round_trip(&list.peers[i]);
	dps_authorized_peers_fini(&list);
	return 0;
}
