/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Everybody in: credentials and TLS in place of those of the drivers, for programs whose bytes are
 * to be seen and made up: nothing is encrypted, and nobody proves a key. Which key one has, the
 * first letter of its socket's name says.
 */
#include "drivers/control/tls.h"
#include "drivers/credentials/credentials.h"

int dps_credentials_open(struct dps_credentials *credentials,
			 const struct dps_credentials_config *config,
			 char sentence[DPS_TRUST_SENTENCE_BYTES])
{
	(void)sentence;
	*credentials = (struct dps_credentials){ .config = *config, .folder_fd = -1 };
	return 0;
}

void dps_credentials_close(struct dps_credentials *credentials)
{
	(void)credentials;
}

void dps_credentials_read_key(const struct dps_socket *socket, struct dps_fingerprint *key)
{
	dps_fingerprint_make(key, (const uint8_t *)socket->peer, 1);
}

int dps_credentials_make_seal(const struct dps_credentials *credentials, struct dps_socket *socket,
			      uint64_t epoch, uint64_t own_connection_id,
			      uint64_t peer_connection_id, struct dps_seal **seal)
{
	(void)credentials, (void)socket, (void)epoch;
	(void)own_connection_id, (void)peer_connection_id;
	*seal = NULL;
	return 0;
}

struct dps_socket *dps_tls_wrap(struct dps_tls *tls, struct dps_socket *socket,
				enum dps_tls_side side, const char *name)
{
	(void)tls, (void)side, (void)name;
	return socket;
}

int dps_tls_handshake(struct dps_socket *socket)
{
	(void)socket;
	return 0;
}
