/* SPDX-License-Identifier: BSD-3-Clause */
#include "apps/dpdk-streamd/head.h"
#include "apps/dpdk-streamd/digester.h"

int dps_head_read(int fd, uint64_t size_bytes, uint32_t chunk_bytes, const atomic_bool *stop,
		  struct dps_digest *head)
{
	return dps_file_digest_read_pieces(fd, 0, dps_head_bytes(size_bytes, chunk_bytes),
					   chunk_bytes, &dps_transfer_digester, stop, head);
}
