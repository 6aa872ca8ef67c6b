/* SPDX-License-Identifier: BSD-3-Clause */
/* Where intel-ipsec-mb is not to be had: other processors than Intel's and AMD's. */
#include "drivers/aead/aead.h"

const struct dps_aead *dps_aead_ipsec_mb(void)
{
	return NULL;
}
