/* SPDX-License-Identifier: BSD-3-Clause */
#include "apps/dpdk-streamd/digester.h"
#include "drivers/digest/digest.h"

static void digest_bytes(const void *bytes, size_t count, struct dps_digest *digest)
{
	*digest = dps_digest_of(bytes, count);
}

static void digest_pieces(const struct dps_digest *pieces, size_t count, struct dps_digest *digest)
{
	struct dps_file_digest file;

	dps_file_digest_init(&file);
	for (size_t i = 0; i < count; i++)
		dps_file_digest_add(&file, &pieces[i]);
	*digest = dps_file_digest_finish(&file);
}

const struct dps_digester dps_transfer_digester = {
	.digest_bytes = digest_bytes,
	.digest_pieces = digest_pieces,
};
