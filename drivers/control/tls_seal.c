/* SPDX-License-Identifier: BSD-3-Clause */
#include "drivers/control/tls_seal.h"
#include "drivers/aead/key_schedule.h"
#include "drivers/aead/sealed.h"
#include <errno.h>
#include <openssl/crypto.h>

static int export_secret(struct dps_socket *socket, const struct dps_key_context *context,
			 uint8_t secret[DPS_KEY_SECRET_BYTES])
{
	uint8_t bytes[DPS_KEY_CONTEXT_BYTES];

	dps_key_context_encode(context, bytes);
	return dps_tls_export(socket, DPS_KEY_EXPORTER_LABEL, bytes, sizeof(bytes), secret,
			      DPS_KEY_SECRET_BYTES);
}

int dps_tls_make_seal(struct dps_socket *socket, const struct dps_tls_seal_config *config,
		      struct dps_seal **seal)
{
	const struct dps_key_context sent = { config->epoch, config->peer_connection_id,
					      config->is_exporter };
	const struct dps_key_context received = { config->epoch, config->own_connection_id,
						  !config->is_exporter };
	uint8_t send_secret[DPS_KEY_SECRET_BYTES], receive_secret[DPS_KEY_SECRET_BYTES];
	struct dps_sealed *sealed = NULL;
	int result;

	result = export_secret(socket, &sent, send_secret);
	if (result == 0)
		result = export_secret(socket, &received, receive_secret);
	if (result == 0)
		sealed = dps_sealed_create(&(struct dps_sealed_config){
			.aead = config->aead,
			.cipher = config->cipher,
			.send_secret = send_secret,
			.receive_secret = receive_secret,
		});
	OPENSSL_cleanse(send_secret, sizeof(send_secret));
	OPENSSL_cleanse(receive_secret, sizeof(receive_secret));
	if (sealed)
		*seal = dps_sealed_seal(sealed);
	else if (result == 0)
		result = -ENOMEM;
	return result;
}
