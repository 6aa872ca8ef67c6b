/* SPDX-License-Identifier: BSD-3-Clause */
#include "drivers/credentials/credentials.h"
#include "drivers/control/tls_seal.h"
#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* ---- who is at the other end ---- */

/* Of the file's two words: who dials sends, and who is dialled takes. */
struct dps_trust_question dps_credentials_question(enum dps_tls_side side,
						   const struct dps_fingerprint *key,
						   const char *name, const char *certified)
{
	bool is_dialed = side == DPS_TLS_DIALED;

	return (struct dps_trust_question){
		.fingerprint = key,
		.name = name,
		.role = is_dialed ? DPS_MAY_COLLECT : DPS_MAY_EXPORT,
		.certified = certified,
		.is_named = is_dialed,
	};
}

static enum dps_trust_verdict refuse_other_key(const struct dps_trust_question *question,
					       const struct dps_fingerprint *wanted, char *why)
{
	char wanted_text[DPS_FINGERPRINT_TEXT_BYTES], text[DPS_FINGERPRINT_TEXT_BYTES];

	dps_fingerprint_format(wanted, wanted_text);
	dps_fingerprint_format(question->fingerprint, text);
	snprintf(why, DPS_TRUST_SENTENCE_BYTES,
		 "%s shows %s and not %s; dial it with the key that it has", question->name, text,
		 wanted_text);
	return DPS_TRUST_CHANGED;
}

/* Whoever is dialled with a key has to have that one, whatever else is trusted. */
static enum dps_trust_verdict ask(struct dps_credentials *credentials,
				  const struct dps_trust_question *question,
				  struct dps_grant *grant, char *why)
{
	const struct dps_credentials_config *config = &credentials->config;
	struct dps_fingerprint wanted;

	if (!question->is_named || !config->find_key ||
	    !config->find_key(config->context, question->name, &wanted))
		return dps_trust_judge(&credentials->trust, question, grant, why);
	if (!dps_fingerprint_is_equal(&wanted, question->fingerprint))
		return refuse_other_key(question, &wanted, why);
	if (grant)
		*grant = (struct dps_grant){ 0 };
	why[0] = '\0';
	return DPS_TRUST_PINNED;
}

bool dps_credentials_judge(struct dps_credentials *credentials,
			   const struct dps_trust_question *question, struct dps_grant *grant,
			   char why[DPS_TRUST_SENTENCE_BYTES])
{
	return !dps_trust_is_refused(ask(credentials, question, grant, why));
}

static struct dps_trust_question question_of(const struct dps_tls_peer *peer,
					     struct dps_fingerprint *key)
{
	dps_fingerprint_make(key, peer->public_key, peer->public_key_bytes);
	return dps_credentials_question(peer->side, key, peer->name, peer->certified);
}

static bool judge(void *context, const struct dps_tls_peer *peer, char *why)
{
	struct dps_fingerprint key;
	struct dps_trust_question question = question_of(peer, &key);

	_Static_assert((int)DPS_TRUST_SENTENCE_BYTES <= (int)DPS_TLS_TEXT_BYTES, "it fits");
	return dps_credentials_judge(context, &question, NULL, why);
}

static bool on_proved(void *context, const struct dps_tls_peer *peer, char *why)
{
	struct dps_credentials *credentials = context;
	const struct dps_credentials_config *config = &credentials->config;
	struct dps_fingerprint key;
	struct dps_trust_question question = question_of(peer, &key);
	enum dps_trust_verdict verdict = ask(credentials, &question, NULL, why);

	if (dps_trust_is_refused(verdict)) /* the file has changed since */
		return false;
	if (verdict != DPS_TRUST_FIRST_USE)
		return true;
	if (dps_trust_remember(&credentials->trust, &question, why) < 0)
		return false;
	if (config->on_news)
		config->on_news(config->context, peer->name, why);
	return true;
}

/* ---- what it is made of ---- */

static int open_folder(struct dps_credentials *credentials, char *sentence)
{
	const struct dps_credentials_config *config = &credentials->config;

	if (config->state)
		snprintf(credentials->folder, sizeof(credentials->folder), "%s", config->state);
	else
		dps_state_folder_default(credentials->folder);
	credentials->folder_fd = dps_state_folder_open(credentials->folder);
	if (credentials->folder_fd < 0)
		snprintf(sentence, DPS_TRUST_SENTENCE_BYTES,
			 "the state folder %.700s, where this user's key is kept: %s; name another "
			 "with %s",
			 credentials->folder, strerror(-credentials->folder_fd),
			 config->state_option ? config->state_option : "config.state");
	return credentials->folder_fd;
}

static int open_identity(struct dps_credentials *credentials, char *sentence)
{
	const struct dps_credentials_config *config = &credentials->config;
	bool is_new;
	int result = dps_identity_open(&credentials->identity, credentials->folder_fd,
				       credentials->folder, true, &is_new, sentence);

	if (result < 0)
		return result;
	dps_fingerprint_format(&credentials->identity.fingerprint, credentials->own_key);
	if (is_new && config->on_news) {
		snprintf(sentence, DPS_TRUST_SENTENCE_BYTES,
			 "a new key for this user is in %.700s/%s: %s", credentials->folder,
			 DPS_IDENTITY_NAME, credentials->own_key);
		config->on_news(config->context, "this user", sentence);
	}
	return 0;
}

static int open_trust(struct dps_credentials *credentials, char *sentence)
{
	const struct dps_credentials_config *config = &credentials->config;
	const char *pinned = config->peer_key;

	if (pinned && !dps_fingerprint_parse(&credentials->pinned, pinned, strlen(pinned))) {
		snprintf(sentence, DPS_TRUST_SENTENCE_BYTES,
			 "\"%.80s\" is no key: sha256: and 64 hexadecimal digits", pinned);
		return -EINVAL;
	}
	dps_trust_init(&credentials->trust,
		       &(struct dps_trust_config){
			       .folder_fd = credentials->folder_fd,
			       .folder = credentials->folder,
			       .own = &credentials->identity.fingerprint,
			       .pinned = pinned ? &credentials->pinned : config->peer_keys,
			       .pinned_count = pinned ? 1 : config->peer_keys_count,
			       .trusts_on_first_use = config->trusts_on_first_use,
			       .on_wrong = config->on_wrong,
			       .context = config->context,
		       });
	return 0;
}

/* Which library seals packets: the one that is right, and fast. */
static int choose_cipher(struct dps_credentials *credentials, char *sentence)
{
	const struct dps_credentials_config *config = &credentials->config;
	struct dps_clock clock;

	if (config->is_clear)
		return 0;
	dps_clock_init_real(&clock);
	credentials->aead = dps_aead_choose(&clock, config->cipher, credentials->sealed_by);
	if (credentials->aead)
		return 0;
	snprintf(sentence, DPS_TRUST_SENTENCE_BYTES,
		 "data cannot be encrypted: %s; %s on both sides does without",
		 credentials->sealed_by,
		 config->clear_option ? config->clear_option : "config.is_clear");
	return -ENOTSUP;
}

/* What peers are shown, and would have to trust if they know no authority. */
static void show_key(struct dps_credentials *credentials, EVP_PKEY *key)
{
	struct dps_fingerprint fingerprint;
	uint8_t *public_key = NULL;
	int bytes = i2d_PUBKEY(key, &public_key);

	if (bytes <= 0)
		return;
	dps_fingerprint_make(&fingerprint, public_key, (size_t)bytes);
	OPENSSL_free(public_key);
	dps_fingerprint_format(&fingerprint, credentials->own_key);
}

static int open_authority(struct dps_credentials *credentials, char *sentence)
{
	const struct dps_tls_authority_files *files = credentials->config.authority;
	char why[DPS_TLS_TEXT_BYTES];
	int result;

	if (!files)
		return 0;
	result = dps_tls_authority_open(&credentials->authority, files, why);
	if (result < 0)
		snprintf(sentence, DPS_TRUST_SENTENCE_BYTES, "%s", why);
	else if (dps_tls_authority_key(credentials->authority))
		show_key(credentials, dps_tls_authority_key(credentials->authority));
	return result;
}

static int open_tls(struct dps_credentials *credentials, char *sentence)
{
	const struct dps_tls_authority_files *files = credentials->config.authority;

	credentials->tls = dps_tls_create(&(struct dps_tls_config){
		.key = credentials->identity.key,
		.authority = credentials->authority,
		.judge = judge,
		.on_proved = on_proved,
		.context = credentials,
		.own_key = credentials->own_key,
	});
	if (credentials->tls)
		return 0;
	snprintf(sentence, DPS_TRUST_SENTENCE_BYTES, "OpenSSL here cannot do TLS 1.3 with %s",
		 files && files->cert ? "the certificate and the key that were given" : "Ed25519");
	return -ENOTSUP;
}

int dps_credentials_open(struct dps_credentials *credentials,
			 const struct dps_credentials_config *config,
			 char sentence[DPS_TRUST_SENTENCE_BYTES])
{
	int result;

	*credentials = (struct dps_credentials){ .config = *config };
	result = open_folder(credentials, sentence);
	if (result < 0)
		return result;
	result = open_identity(credentials, sentence);
	if (result == 0)
		result = open_trust(credentials, sentence);
	if (result == 0)
		result = choose_cipher(credentials, sentence);
	if (result == 0)
		result = open_authority(credentials, sentence);
	if (result == 0)
		result = open_tls(credentials, sentence);
	if (result < 0)
		dps_credentials_close(credentials);
	credentials->config.state = credentials->config.peer_key = NULL;
	credentials->config.authority = NULL;
	return result;
}

void dps_credentials_close(struct dps_credentials *credentials)
{
	dps_tls_destroy(credentials->tls);
	dps_tls_authority_close(credentials->authority);
	dps_trust_fini(&credentials->trust);
	if (credentials->identity.key)
		dps_identity_close(&credentials->identity);
	if (credentials->folder_fd >= 0)
		close(credentials->folder_fd);
	*credentials = (struct dps_credentials){ .folder_fd = -1 };
}

/* ---- of a connection ---- */

void dps_credentials_read_key(const struct dps_socket *socket, struct dps_fingerprint *key)
{
	struct dps_tls_peer peer;

	dps_tls_read_peer(socket, &peer);
	dps_fingerprint_make(key, peer.public_key, peer.public_key_bytes);
}

int dps_credentials_make_seal(const struct dps_credentials *credentials, struct dps_socket *socket,
			      uint64_t epoch, uint64_t own_connection_id,
			      uint64_t peer_connection_id, struct dps_seal **seal)
{
	struct dps_tls_peer peer;

	*seal = NULL;
	if (credentials->aead == NULL)
		return 0;
	dps_tls_read_peer(socket, &peer);
	return dps_tls_make_seal(socket,
				 &(struct dps_tls_seal_config){
					 .aead = credentials->aead,
					 .cipher = credentials->config.cipher,
					 .epoch = epoch,
					 .own_connection_id = own_connection_id,
					 .peer_connection_id = peer_connection_id,
					 .is_exporter = peer.side == DPS_TLS_DIALED,
				 },
				 seal);
}
