/* SPDX-License-Identifier: BSD-3-Clause */
/* Exporter trust: what becomes of a run whose collector is not trusted any more. */
#include "apps/dpdk-streamd/exporter_state.h"

void dps_exporter_on_trust_changed(void *context, uint64_t now_ns)
{
	struct dps_exporter *exporter = context;
	char why[DPS_TLS_TEXT_BYTES];

	(void)now_ns;
	/* One that has proved nothing yet is judged when it does. */
	if (exporter->state >= DPS_EXPORTER_LEAVING || !exporter->link.standing.has_key ||
	    dps_peer_trust_renew(exporter->peer->trust, &exporter->link.standing, why))
		return;
	dps_exporter_fail(exporter, DPS_EXIT_REFUSED, "ended by a change of whom we trust: %s",
			  why);
	dps_exporter_leave_with(exporter, DPS_CODE_NOT_TRUSTED,
				"the exporter has taken its trust in this key back");
}
