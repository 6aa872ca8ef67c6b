/* SPDX-License-Identifier: BSD-3-Clause */
#include "drivers/digest/digest.h"
#include "drivers/vector.h"
#define XXH_STATIC_LINKING_ONLY /* for the size of its state */
#include <xxhash.h>
#ifdef DPS_HAS_XXH_DISPATCH
/* From here on XXH3_… is the variant for this processor; the plain one is built for any x86-64. */
#include <xxh_x86dispatch.h>
#endif

_Static_assert(sizeof(struct dps_file_digest) == sizeof(XXH3_state_t), "one state, two names");
_Static_assert(alignof(struct dps_file_digest) >= alignof(XXH3_state_t), "aligned alike");

static struct dps_digest canonical(XXH128_hash_t hash)
{
	struct dps_digest digest;
	XXH128_canonical_t bytes;

	_Static_assert(sizeof(digest) == sizeof(bytes), "sixteen bytes");
	XXH128_canonicalFromHash(&bytes, hash);
	__builtin_memcpy(&digest, &bytes, sizeof(digest));
	return digest;
}

struct dps_digest dps_digest_of(const void *bytes, size_t count)
{
	struct dps_digest digest = canonical(XXH3_128bits(bytes, count));

	dps_vector_leave_clean();
	return digest;
}

uint64_t dps_digest_short_of(const void *bytes, size_t count)
{
	uint64_t digest = XXH3_64bits(bytes, count);

	dps_vector_leave_clean();
	return digest;
}

void dps_file_digest_init(struct dps_file_digest *file)
{
	XXH3_128bits_reset((XXH3_state_t *)file);
}

void dps_file_digest_add(struct dps_file_digest *file, const struct dps_digest *piece)
{
	XXH3_128bits_update((XXH3_state_t *)file, piece->bytes, sizeof(piece->bytes));
	dps_vector_leave_clean();
}

struct dps_digest dps_file_digest_finish(const struct dps_file_digest *file)
{
	return canonical(XXH3_128bits_digest((const XXH3_state_t *)file));
}
