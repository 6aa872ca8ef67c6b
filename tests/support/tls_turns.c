/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/support/tls_turns.h"
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>

void tls_turns_shake_hands(struct dps_socket *dialed, struct dps_socket *accepted, int results[2])
{
	bool is_going_on = true;

	results[0] = results[1] = -EAGAIN;
	for (unsigned int i = 0; i < TLS_TURNS_MAX && is_going_on; i++) {
		if (results[0] == -EAGAIN)
			results[0] = dps_tls_handshake(dialed);
		if (results[1] == -EAGAIN)
			results[1] = dps_tls_handshake(accepted);
		is_going_on = results[0] == -EAGAIN || results[1] == -EAGAIN;
	}
}

ssize_t tls_turns_read(struct dps_socket *socket)
{
	uint8_t bytes[64];
	ssize_t count = -EAGAIN;

	for (unsigned int i = 0; i < TLS_TURNS_MAX && count == -EAGAIN; i++)
		count = socket->ops->read(socket, bytes, sizeof(bytes));
	return count;
}
