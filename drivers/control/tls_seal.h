/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * TLS seal: the keys of a path out of the control connection that both ends named it on
 * (docs/protocol.md, "Keys"). They never leave this file but into the seal.
 */
#pragma once
#include "drivers/aead/aead.h"
#include "drivers/control/tls.h"
#include "drivers/seal/seal.h"
#include <stdbool.h>
#include <stdint.h>

struct dps_tls_seal_config {
	const struct dps_aead *aead;
	enum dps_aead_cipher cipher;
	uint64_t epoch;		     /* that both ends know the connection by */
	uint64_t own_connection_id;  /* in the packets that come */
	uint64_t peer_connection_id; /* in those that leave */
	bool is_exporter;	     /* we are; or whoever stands for it */
};

/* Returns 0 or -errno. The seal is its taker's to destroy. */
int dps_tls_make_seal(struct dps_socket *socket, const struct dps_tls_seal_config *config,
		      struct dps_seal **seal);
