/* SPDX-License-Identifier: BSD-3-Clause */
/* Trust: whether a peer with a key may be what it wants to be to us, and why not. */
#pragma once
#include "drivers/trust/authorized_peers.h"
#include "drivers/trust/identity.h"
#include <sys/stat.h>

#define DPS_TRUST_NAME "authorized_peers"

enum { DPS_TRUST_PINNED_MAX = 16 };

enum dps_trust_verdict {
	DPS_TRUST_OWN,	     /* it has our own key: the same user, with the same state folder */
	DPS_TRUST_PINNED,    /* named on the command line */
	DPS_TRUST_LISTED,    /* in the file */
	DPS_TRUST_CERTIFIED, /* dialled by a name that an authority has certified */
	DPS_TRUST_FIRST_USE, /* not known until now: to be remembered when the key was proved */
	DPS_TRUST_UNKNOWN,   /* from here on: refused */
	DPS_TRUST_CHANGED,   /* there is another key under this name */
	DPS_TRUST_NOT_THIS,  /* known, but not for what it wants to be */
	DPS_TRUST_BROKEN,    /* the file cannot be read or written, or not be believed */
};

struct dps_trust_config {
	int folder_fd; /* the state folder; stays the caller's, and open */
	const char *folder;
	const struct dps_fingerprint *own;
	const struct dps_fingerprint *pinned; /* when there are any, only these are trusted */
	unsigned int pinned_count;
	bool trusts_on_first_use;
	/* A line of the file that counts for nothing; may be NULL. */
	void (*on_wrong)(void *context, unsigned int line, const char *why);
	void *context;
};

/* Owner: the control core. Each question looks at the file, and reads it when it has changed. */
struct dps_trust {
	struct dps_trust_config config;
	struct dps_authorized_peers list;
	struct stat seen; /* the file as the list was read from it; st_ino 0: there is none */
};

struct dps_trust_question {
	const struct dps_fingerprint *fingerprint; /* of the key that it shows */
	const char *name; /* what we call it: where it was dialled, or came from */
	enum dps_authorized_role role;
	bool is_named; /* the name was asked for: a key listed under others only is not its */
	/* Names that an authority has certified (drivers/control/tls.h); NULL or "": none. */
	const char *certified;
};

void dps_trust_init(struct dps_trust *trust, const struct dps_trust_config *config);
void dps_trust_fini(struct dps_trust *trust);

/*
 * Changes nothing, as the key may not be proved yet. The grant (NULL: nobody asks) is what the peer
 * may take here, for a role that it may have: without limits unless its lines in the file have
 * some. The sentence says, of a refusal, what to do; else it may be empty.
 */
enum dps_trust_verdict dps_trust_judge(struct dps_trust *trust,
				       const struct dps_trust_question *question,
				       struct dps_grant *grant,
				       char sentence[DPS_TRUST_SENTENCE_BYTES]);

/*
 * Writes a key that is trusted on first use to the file, now that the peer has proved that it has
 * it. Returns 0 or -errno, with a sentence either way.
 */
int dps_trust_remember(struct dps_trust *trust, const struct dps_trust_question *question,
		       char sentence[DPS_TRUST_SENTENCE_BYTES]);

static inline bool dps_trust_is_refused(enum dps_trust_verdict verdict)
{
	return verdict >= DPS_TRUST_UNKNOWN;
}
