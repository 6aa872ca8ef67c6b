/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Authorized peers: the keys that are trusted, one a line, as a user writes them:
 *
 *     sha256:4c1a…90 archive.example.org may=collect
 *     ca:probe-3.example.org may=export
 *
 * A fingerprint and a name; or `ca:` and a name that an authority has certified, where `*` stands
 * for all, and for the first part of one. Then, in any order, what the peer may do if it is not
 * both: `may=export` (send files here), `may=collect` (take files from here), and what of this
 * collector it may take (drivers/trust/grant.h). Empty lines and what begins with `#` do not count.
 */
#pragma once
#include "drivers/trust/fingerprint.h"
#include "drivers/trust/grant.h"

enum dps_authorized_limits {
	DPS_AUTHORIZED_NAME_BYTES = 256,
	DPS_AUTHORIZED_LINE_BYTES_MAX = 1024,
	DPS_AUTHORIZED_FILE_BYTES_MAX = 1 << 20,
	DPS_AUTHORIZED_PEERS_MAX = 4096,
};

/* What a peer may be to us, as bits. */
enum dps_authorized_role {
	DPS_MAY_EXPORT = 1,
	DPS_MAY_COLLECT = 2,
};

struct dps_authorized_peer {
	bool is_certified; /* the name is what counts, and there is no fingerprint */
	struct dps_fingerprint fingerprint;
	char name[DPS_AUTHORIZED_NAME_BYTES]; /* printable, without spaces */
	uint8_t may;			      /* bits of enum dps_authorized_role */
	struct dps_grant grant;		      /* when it exports */
};

enum dps_authorized_line {
	DPS_AUTHORIZED_NOTHING,
	DPS_AUTHORIZED_PEER,
	DPS_AUTHORIZED_WRONG, /* counts for nothing: what is not understood allows nothing */
};

/* Reads a line without its end; *wrong is why, as a part of a sentence. */
enum dps_authorized_line dps_authorized_line_parse(struct dps_authorized_peer *peer,
						   const char *line, size_t bytes,
						   const char **wrong);

/* Whether one of these certified names, with spaces between, is what the line is for. */
bool dps_authorized_peer_is_certified(const struct dps_authorized_peer *peer, const char *names);

struct dps_authorized_peers {
	struct dps_authorized_peer *peers;
	unsigned int count;
};

/*
 * Reads a whole file's text into an empty list; on_wrong (may be NULL) hears of each line that
 * counts for nothing. Returns 0, -EFBIG too long, or -ENOMEM.
 */
int dps_authorized_peers_parse(struct dps_authorized_peers *list, const char *text, size_t bytes,
			       void (*on_wrong)(void *context, unsigned int line, const char *why),
			       void *context);
void dps_authorized_peers_fini(struct dps_authorized_peers *list);
