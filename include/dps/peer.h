/* SPDX-License-Identifier: BSD-3-Clause */
/* Peer: one at the other end of a connection, and what both say to each other. */
#pragma once
#include <stdint.h>

/* What goes first, when both may go. */
enum dps_peer_class {
	DPS_PEER_CONTROL, /* small and rare: what the program must hear of whatever waits */
	DPS_PEER_REPLY,	  /* answers to the far side's calls */
	DPS_PEER_CALL,
	DPS_PEER_BULK,
	DPS_PEER_CLASSES,
};
