/* SPDX-License-Identifier: BSD-3-Clause */
/* TLS turns: both ends of a connection in one thread, in turn; nothing waits. */
#pragma once
#include "drivers/control/tls.h"
#include <sys/types.h>

enum { TLS_TURNS_MAX = 10000 };

/* Until each end is done or has failed: results of the one that dialed, and of the other. */
void tls_turns_shake_hands(struct dps_socket *dialed, struct dps_socket *accepted, int results[2]);

/* What a read says when it is not "not yet". */
ssize_t tls_turns_read(struct dps_socket *socket);
