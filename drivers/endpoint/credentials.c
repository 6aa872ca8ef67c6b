/* SPDX-License-Identifier: BSD-3-Clause */
#include "drivers/endpoint/credentials.h"
#include "drivers/aead/aead_choice.h"
#include "drivers/control/tls_seal.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void stand(const struct dps_tls_peer *peer, struct dps_fingerprint *key,
		  struct dps_trust_question *question)
{
	bool is_dialed = peer->side == DPS_TLS_DIALED;

	dps_fingerprint_make(key, peer->public_key, peer->public_key_bytes);
	*question = (struct dps_trust_question){
		.fingerprint = key,
		.name = peer->name,
		/* Of the file's two words: who dials sends, who is dialled takes. */
		.role = is_dialed ? DPS_MAY_COLLECT : DPS_MAY_EXPORT,
		.certified = peer->certified,
		.is_named = is_dialed,
	};
}

/* Whoever is dialled with a key has to have that one, whatever else is trusted. */
static bool has_other_key(const struct dps_credentials *credentials,
			  const struct dps_trust_question *question, bool *is_known, char *why)
{
	char wanted_text[DPS_FINGERPRINT_TEXT_BYTES], text[DPS_FINGERPRINT_TEXT_BYTES];
	struct dps_fingerprint wanted;

	*is_known = question->is_named && credentials->config.find_key(credentials->config.context,
								       question->name, &wanted);
	if (!*is_known || dps_fingerprint_is_equal(&wanted, question->fingerprint))
		return false;
	dps_fingerprint_format(&wanted, wanted_text);
	dps_fingerprint_format(question->fingerprint, text);
	snprintf(why, DPS_TLS_TEXT_BYTES,
		 "%s shows %s and not %s; dial it with the key that it has", question->name, text,
		 wanted_text);
	return true;
}

static bool judge(void *context, const struct dps_tls_peer *peer, char *why)
{
	struct dps_credentials *credentials = context;
	struct dps_trust_question question;
	struct dps_fingerprint key;
	bool is_known;

	stand(peer, &key, &question);
	if (has_other_key(credentials, &question, &is_known, why))
		return false;
	return is_known ||
	       !dps_trust_is_refused(dps_trust_judge(&credentials->trust, &question, NULL, why));
}

static bool on_proved(void *context, const struct dps_tls_peer *peer, char *why)
{
	struct dps_credentials *credentials = context;
	const struct dps_credentials_config *config = &credentials->config;
	struct dps_trust_question question;
	enum dps_trust_verdict verdict;
	struct dps_fingerprint key;
	bool is_known;

	stand(peer, &key, &question);
	if (has_other_key(credentials, &question, &is_known, why))
		return false;
	if (is_known)
		return true;
	verdict = dps_trust_judge(&credentials->trust, &question, NULL, why);
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

static int open_folder(struct dps_credentials *credentials, char *sentence)
{
	if (credentials->config.state)
		snprintf(credentials->folder, sizeof(credentials->folder), "%s",
			 credentials->config.state);
	else
		dps_state_folder_default(credentials->folder);
	credentials->folder_fd = dps_state_folder_open(credentials->folder);
	if (credentials->folder_fd < 0)
		snprintf(sentence, DPS_TRUST_SENTENCE_BYTES,
			 "the state folder %.700s, where this user's key is kept: %s; name another",
			 credentials->folder, strerror(-credentials->folder_fd));
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
		snprintf(sentence, DPS_TRUST_SENTENCE_BYTES, "a new key is in %.700s: %s",
			 credentials->folder, credentials->own_key);
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
			       .pinned = &credentials->pinned,
			       .pinned_count = pinned != NULL,
			       .trusts_on_first_use = config->trusts_on_first_use,
		       });
	return 0;
}

static int choose_cipher(struct dps_credentials *credentials, char *sentence)
{
	char chosen[DPS_AEAD_SENTENCE_BYTES];
	struct dps_clock clock;

	if (credentials->config.is_clear)
		return 0;
	dps_clock_init_real(&clock);
	credentials->aead = dps_aead_choose(&clock, DPS_AEAD_AES_128_GCM, chosen);
	if (credentials->aead)
		return 0;
	snprintf(sentence, DPS_TRUST_SENTENCE_BYTES, "data cannot be encrypted: %s", chosen);
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
	if (result == 0) {
		credentials->tls = dps_tls_create(&(struct dps_tls_config){
			.key = credentials->identity.key,
			.judge = judge,
			.on_proved = on_proved,
			.context = credentials,
			.own_key = credentials->own_key,
		});
		if (credentials->tls == NULL) {
			snprintf(sentence, DPS_TRUST_SENTENCE_BYTES, "TLS 1.3 is not to be had");
			result = -ENOMEM;
		}
	}
	if (result < 0)
		dps_credentials_close(credentials);
	credentials->config.state = credentials->config.peer_key = NULL;
	return result;
}

void dps_credentials_close(struct dps_credentials *credentials)
{
	if (credentials->tls)
		dps_tls_destroy(credentials->tls);
	dps_trust_fini(&credentials->trust);
	if (credentials->identity.key)
		dps_identity_close(&credentials->identity);
	if (credentials->folder_fd >= 0)
		close(credentials->folder_fd);
	*credentials = (struct dps_credentials){ .folder_fd = -1 };
}

void dps_credentials_read_key(const struct dps_socket *socket, struct dps_fingerprint *key)
{
	struct dps_tls_peer peer;

	dps_tls_read_peer(socket, &peer);
	dps_fingerprint_make(key, peer.public_key, peer.public_key_bytes);
}

int dps_credentials_make_seal(const struct dps_credentials *credentials, struct dps_socket *socket,
			      uint64_t own_connection_id, uint64_t peer_connection_id,
			      struct dps_seal **seal)
{
	struct dps_tls_peer peer;

	*seal = NULL;
	if (credentials->aead == NULL)
		return 0;
	dps_tls_read_peer(socket, &peer);
	/* A connection has one path, and no other connection exports the same: no epoch. */
	return dps_tls_make_seal(socket,
				 &(struct dps_tls_seal_config){
					 .aead = credentials->aead,
					 .cipher = DPS_AEAD_AES_128_GCM,
					 .own_connection_id = own_connection_id,
					 .peer_connection_id = peer_connection_id,
					 .is_exporter = peer.side == DPS_TLS_DIALED,
				 },
				 seal);
}
