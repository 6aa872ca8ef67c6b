/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * AES-GCM by intel-ipsec-mb, through its direct calls. Its job queue would gain nothing: several
 * packets at once fill the pipeline of ciphers that wait for themselves, and GCM's counter mode
 * fills it with one.
 */
#include "drivers/aead/aead.h"
#include "drivers/vector.h"
#include <dps/assert.h>
#include <errno.h>
#include <intel-ipsec-mb.h>
#include <openssl/crypto.h>
#include <pthread.h>
#include <string.h>

/* Both here, so that what is left of a packet's work lies where the key lies. */
struct expanded {
	struct gcm_key_data key;
	struct gcm_context_data context;
};

_Static_assert(sizeof(struct expanded) <= DPS_AEAD_KEY_MEMORY_BYTES, "a key fits its memory");
_Static_assert(_Alignof(struct expanded) <= 64, "a key is aligned in its memory");

/* Made once; its tables of functions are only read afterwards. */
static IMB_MGR *manager;
static pthread_once_t manager_once = PTHREAD_ONCE_INIT;

static void make_manager(void)
{
	IMB_ARCH arch = IMB_ARCH_NONE;

	manager = alloc_mb_mgr(0);
	if (!manager)
		return;
	init_mb_mgr_auto(manager, &arch);
	/* Without the processor's own AES it would look keys up in tables, in no constant time. */
	if (imb_get_errno(manager) != 0 || arch == IMB_ARCH_NONE || arch == IMB_ARCH_NOAESNI) {
		free_mb_mgr(manager);
		manager = NULL;
	}
}

static struct expanded *expanded_of(struct dps_aead_key *key)
{
	return (struct expanded *)key->memory;
}

static int expand(struct dps_aead_key *key, const uint8_t *secret)
{
	if (key->cipher == DPS_AEAD_AES_128_GCM)
		IMB_AES128_GCM_PRE(manager, secret, &expanded_of(key)->key);
	else
		IMB_AES256_GCM_PRE(manager, secret, &expanded_of(key)->key);
	dps_vector_leave_clean();
	return 0;
}

static void forget(struct dps_aead_key *key)
{
	OPENSSL_cleanse(key->memory, sizeof(key->memory));
}

static void seal_one_part_128(struct expanded *with, struct dps_aead_packet *packet,
			      const struct dps_aead_part *part)
{
	IMB_AES128_GCM_ENC(manager, &with->key, &with->context, part->to, part->from, part->bytes,
			   packet->nonce, packet->header, packet->header_bytes, packet->tag,
			   DPS_AEAD_TAG_BYTES);
}

static void seal_one_part_256(struct expanded *with, struct dps_aead_packet *packet,
			      const struct dps_aead_part *part)
{
	IMB_AES256_GCM_ENC(manager, &with->key, &with->context, part->to, part->from, part->bytes,
			   packet->nonce, packet->header, packet->header_bytes, packet->tag,
			   DPS_AEAD_TAG_BYTES);
}

static void seal_parts_128(struct expanded *with, struct dps_aead_packet *packet)
{
	IMB_AES128_GCM_INIT(manager, &with->key, &with->context, packet->nonce, packet->header,
			    packet->header_bytes);
	for (unsigned int i = 0; i < DPS_AEAD_PARTS; i++)
		IMB_AES128_GCM_ENC_UPDATE(manager, &with->key, &with->context, packet->parts[i].to,
					  packet->parts[i].from, packet->parts[i].bytes);
	IMB_AES128_GCM_ENC_FINALIZE(manager, &with->key, &with->context, packet->tag,
				    DPS_AEAD_TAG_BYTES);
}

static void seal_parts_256(struct expanded *with, struct dps_aead_packet *packet)
{
	IMB_AES256_GCM_INIT(manager, &with->key, &with->context, packet->nonce, packet->header,
			    packet->header_bytes);
	for (unsigned int i = 0; i < DPS_AEAD_PARTS; i++)
		IMB_AES256_GCM_ENC_UPDATE(manager, &with->key, &with->context, packet->parts[i].to,
					  packet->parts[i].from, packet->parts[i].bytes);
	IMB_AES256_GCM_ENC_FINALIZE(manager, &with->key, &with->context, packet->tag,
				    DPS_AEAD_TAG_BYTES);
}

static void open_one_part_128(struct expanded *with, struct dps_aead_packet *packet,
			      const struct dps_aead_part *part, uint8_t tag[DPS_AEAD_TAG_BYTES])
{
	IMB_AES128_GCM_DEC(manager, &with->key, &with->context, part->to, part->from, part->bytes,
			   packet->nonce, packet->header, packet->header_bytes, tag,
			   DPS_AEAD_TAG_BYTES);
}

static void open_one_part_256(struct expanded *with, struct dps_aead_packet *packet,
			      const struct dps_aead_part *part, uint8_t tag[DPS_AEAD_TAG_BYTES])
{
	IMB_AES256_GCM_DEC(manager, &with->key, &with->context, part->to, part->from, part->bytes,
			   packet->nonce, packet->header, packet->header_bytes, tag,
			   DPS_AEAD_TAG_BYTES);
}

static void open_parts_128(struct expanded *with, struct dps_aead_packet *packet,
			   uint8_t tag[DPS_AEAD_TAG_BYTES])
{
	IMB_AES128_GCM_INIT(manager, &with->key, &with->context, packet->nonce, packet->header,
			    packet->header_bytes);
	for (unsigned int i = 0; i < DPS_AEAD_PARTS; i++)
		IMB_AES128_GCM_DEC_UPDATE(manager, &with->key, &with->context, packet->parts[i].to,
					  packet->parts[i].from, packet->parts[i].bytes);
	IMB_AES128_GCM_DEC_FINALIZE(manager, &with->key, &with->context, tag, DPS_AEAD_TAG_BYTES);
}

static void open_parts_256(struct expanded *with, struct dps_aead_packet *packet,
			   uint8_t tag[DPS_AEAD_TAG_BYTES])
{
	IMB_AES256_GCM_INIT(manager, &with->key, &with->context, packet->nonce, packet->header,
			    packet->header_bytes);
	for (unsigned int i = 0; i < DPS_AEAD_PARTS; i++)
		IMB_AES256_GCM_DEC_UPDATE(manager, &with->key, &with->context, packet->parts[i].to,
					  packet->parts[i].from, packet->parts[i].bytes);
	IMB_AES256_GCM_DEC_FINALIZE(manager, &with->key, &with->context, tag, DPS_AEAD_TAG_BYTES);
}

/* The part that holds all there is, or NULL when there are two. */
static const struct dps_aead_part *only_part(const struct dps_aead_packet *packet)
{
	if (packet->parts[0].bytes == 0)
		return &packet->parts[1];
	return packet->parts[1].bytes == 0 ? &packet->parts[0] : NULL;
}

static void seal(struct dps_aead_packet *packets, unsigned int count)
{
	for (unsigned int i = 0; i < count; i++) {
		struct expanded *with = expanded_of(packets[i].key);
		bool is_128 = packets[i].key->cipher == DPS_AEAD_AES_128_GCM;
		const struct dps_aead_part *part = only_part(&packets[i]);

		if (part)
			(is_128 ? seal_one_part_128 : seal_one_part_256)(with, &packets[i], part);
		else
			(is_128 ? seal_parts_128 : seal_parts_256)(with, &packets[i]);
	}
	dps_vector_leave_clean();
}

static void open(struct dps_aead_packet *packets, unsigned int count)
{
	for (unsigned int i = 0; i < count; i++) {
		struct expanded *with = expanded_of(packets[i].key);
		bool is_128 = packets[i].key->cipher == DPS_AEAD_AES_128_GCM;
		const struct dps_aead_part *part = only_part(&packets[i]);
		uint8_t tag[DPS_AEAD_TAG_BYTES];

		if (part)
			(is_128 ? open_one_part_128 : open_one_part_256)(with, &packets[i], part,
									 tag);
		else
			(is_128 ? open_parts_128 : open_parts_256)(with, &packets[i], tag);
		packets[i].is_good = CRYPTO_memcmp(tag, packets[i].tag, sizeof(tag)) == 0;
	}
	dps_vector_leave_clean();
}

static const struct dps_aead ipsec_mb = {
	.name = "intel-ipsec-mb",
	.expand = expand,
	.forget = forget,
	.seal = seal,
	.open = open,
};

const struct dps_aead *dps_aead_ipsec_mb(void)
{
	pthread_once(&manager_once, make_manager);
	return manager ? &ipsec_mb : NULL;
}
