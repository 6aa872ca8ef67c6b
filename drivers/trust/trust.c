/* SPDX-License-Identifier: BSD-3-Clause */
#include "drivers/trust/trust.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SHOWN_BYTES = 300 };

void dps_trust_init(struct dps_trust *trust, const struct dps_trust_config *config)
{
	*trust = (struct dps_trust){ .config = *config };
}

void dps_trust_fini(struct dps_trust *trust)
{
	dps_authorized_peers_fini(&trust->list);
}

/* ---- the file ---- */

static int fail(const struct dps_trust *trust, char *sentence, const char *what, int result)
{
	snprintf(sentence, DPS_TRUST_SENTENCE_BYTES,
		 "%.*s/%s %s; nobody in it is trusted until then", SHOWN_BYTES,
		 trust->config.folder, DPS_TRUST_NAME, what);
	return result;
}

static int read_list(struct dps_trust *trust, int fd, size_t bytes, char *sentence)
{
	char *text = malloc(bytes + 1);
	size_t count = 0;
	ssize_t result = 1;

	while (text && count < bytes && result > 0) {
		result = pread(fd, text + count, bytes - count, (off_t)count);
		if (result < 0 && errno == EINTR)
			result = 1;
		else if (result > 0)
			count += (size_t)result;
	}
	if (!text || result < 0) {
		result = text ? -errno : -ENOMEM;
		free(text);
		return fail(trust, sentence, strerror((int)-result), (int)result);
	}
	result = dps_authorized_peers_parse(&trust->list, text, count, trust->config.on_wrong,
					    trust->config.context);
	free(text);
	return result < 0 ? fail(trust, sentence, strerror((int)-result), (int)result) : 0;
}

/* Who can write the file decides whom we trust. */
static int check_file(const struct dps_trust *trust, const struct stat *status, char *sentence)
{
	if (!S_ISREG(status->st_mode))
		return fail(trust, sentence, "is no file; make it one", -EBADMSG);
	if (status->st_uid != geteuid() && status->st_uid != 0)
		return fail(trust, sentence, "belongs to another user: chown it", -EPERM);
	if (status->st_mode & 022)
		return fail(trust, sentence, "can be written by others: chmod go-w it", -EPERM);
	if (status->st_size > DPS_AUTHORIZED_FILE_BYTES_MAX)
		return fail(trust, sentence, "is longer than 1 MiB: shorten it", -EFBIG);
	return 0;
}

static bool is_as_seen(const struct dps_trust *trust, const struct stat *now)
{
	const struct stat *seen = &trust->seen;

	return now->st_ino == seen->st_ino && now->st_dev == seen->st_dev &&
	       now->st_size == seen->st_size && now->st_mode == seen->st_mode &&
	       now->st_uid == seen->st_uid && now->st_mtim.tv_sec == seen->st_mtim.tv_sec &&
	       now->st_mtim.tv_nsec == seen->st_mtim.tv_nsec &&
	       now->st_ctim.tv_sec == seen->st_ctim.tv_sec &&
	       now->st_ctim.tv_nsec == seen->st_ctim.tv_nsec;
}

static int reread(struct dps_trust *trust, char *sentence)
{
	struct stat now = { 0 };
	int fd = openat(trust->config.folder_fd, DPS_TRUST_NAME,
			O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
	int result = 0;

	if (fd < 0 && errno != ENOENT) {
		result = -errno;
		return fail(trust, sentence,
			    errno == ELOOP ? "is a link: put the file itself there"
					   : strerror(errno),
			    result);
	}
	if (fd >= 0 && fstat(fd, &now) != 0)
		result = fail(trust, sentence, strerror(errno), -errno);
	if (result == 0 && !is_as_seen(trust, &now)) {
		dps_authorized_peers_fini(&trust->list);
		trust->seen = (struct stat){ 0 };
		if (fd >= 0)
			result = check_file(trust, &now, sentence);
		if (result == 0 && fd >= 0)
			result = read_list(trust, fd, (size_t)now.st_size, sentence);
		if (result == 0)
			trust->seen = now;
	}
	if (fd >= 0)
		close(fd);
	return result;
}

/* Whether the file's last line has an end: what is appended begins a line of its own. */
static bool ends_a_line(int fd)
{
	struct stat status;
	char last = '\n';

	if (fstat(fd, &status) != 0 || status.st_size == 0)
		return true;
	return pread(fd, &last, 1, status.st_size - 1) != 1 || last == '\n';
}

/* ---- the judgement ---- */

struct found {
	bool has_key;	    /* listed, under a name that counts */
	bool has_key_other; /* listed, and the name that was asked for is another key's */
	bool has_name;	    /* another key has this name */
	bool is_torn;	    /* its lines name different folders */
	uint8_t may;
	struct dps_grant grant; /* of the lines that give it this role */
};

/* One key may have several lines, under several names: what each of them holds it to counts. */
static void add_line(struct found *found, const struct dps_authorized_peer *peer,
		     enum dps_authorized_role role)
{
	if (!(peer->may & role))
		return;
	if (!(found->may & role))
		found->grant = peer->grant;
	else if (!dps_grant_narrow(&found->grant, &peer->grant))
		found->is_torn = true;
	found->may |= peer->may & role;
}

static bool is_line_of(const struct dps_authorized_peer *peer,
		       const struct dps_trust_question *question)
{
	if (peer->is_certified)
		return question->certified &&
		       dps_authorized_peer_is_certified(peer, question->certified);
	return dps_fingerprint_is_equal(&peer->fingerprint, question->fingerprint);
}

static struct found look_up(const struct dps_trust *trust,
			    const struct dps_trust_question *question)
{
	struct found found = { 0 };
	bool has_named_key = false;

	for (unsigned int i = 0; i < trust->list.count; i++) {
		const struct dps_authorized_peer *peer = &trust->list.peers[i];
		bool is_name = !peer->is_certified && strcmp(peer->name, question->name) == 0;

		if (!is_line_of(peer, question)) {
			found.has_name |= is_name;
			continue;
		}
		found.has_key = true;
		has_named_key |= is_name;
		add_line(&found, peer, question->role);
	}
	if (found.has_key && question->is_named && found.has_name && !has_named_key) {
		found.has_key = false;
		found.has_key_other = true;
	}
	return found;
}

static const char *role_name(enum dps_authorized_role role)
{
	return role == DPS_MAY_EXPORT ? "export" : "collect";
}

static enum dps_trust_verdict refuse_changed(const struct dps_trust *trust,
					     const struct dps_trust_question *question,
					     const char *text, char *sentence)
{
	snprintf(sentence, DPS_TRUST_SENTENCE_BYTES,
		 "the key of %s is %s, and %.*s/%s has another for it: somebody else may be "
		 "answering there. If its key was really changed, replace the line",
		 question->name, text, SHOWN_BYTES, trust->config.folder, DPS_TRUST_NAME);
	return DPS_TRUST_CHANGED;
}

static enum dps_trust_verdict refuse_unknown(const struct dps_trust *trust,
					     const struct dps_trust_question *question,
					     const char *text, char *sentence)
{
	if (trust->config.pinned_count > 0)
		snprintf(sentence, DPS_TRUST_SENTENCE_BYTES,
			 "the key of %s is %s, which --peer-key does not name; compare it with "
			 "what `dpdk-streamd fingerprint` says there",
			 question->name, text);
	else
		snprintf(sentence, DPS_TRUST_SENTENCE_BYTES,
			 "the key of %s is not trusted. If `dpdk-streamd fingerprint` says %s "
			 "there, add the line `%s %s may=%s` to %.*s/%s, or give --peer-key",
			 question->name, text, text, question->name, role_name(question->role),
			 SHOWN_BYTES, trust->config.folder, DPS_TRUST_NAME);
	return DPS_TRUST_UNKNOWN;
}

static enum dps_trust_verdict refuse_role(const struct dps_trust *trust,
					  const struct dps_trust_question *question,
					  const char *text, bool is_torn, char *sentence)
{
	if (is_torn)
		snprintf(sentence, DPS_TRUST_SENTENCE_BYTES,
			 "the lines of %s with the key %s in %.*s/%s name different folders; "
			 "leave into= in one of them",
			 question->name, text, SHOWN_BYTES, trust->config.folder, DPS_TRUST_NAME);
	else
		snprintf(sentence, DPS_TRUST_SENTENCE_BYTES,
			 "%s with the key %s may not %s here: its line in %.*s/%s says so",
			 question->name, text, role_name(question->role), SHOWN_BYTES,
			 trust->config.folder, DPS_TRUST_NAME);
	return DPS_TRUST_NOT_THIS;
}

/*
 * Whom we dialled by a name that it has was asked for. Who comes by itself needs a line: an
 * authority says who somebody is, and not that it may send files here.
 */
static enum dps_trust_verdict judge_certified(const struct dps_trust *trust,
					      const struct dps_trust_question *question,
					      char *sentence)
{
	if (question->is_named)
		return DPS_TRUST_CERTIFIED;
	snprintf(
		sentence, DPS_TRUST_SENTENCE_BYTES,
		"%s has a certificate of our authority for %.300s, and no line allows it anything: "
		"add the line `ca:%.*s may=%s` to %.*s/%s",
		question->name, question->certified, (int)strcspn(question->certified, " "),
		question->certified, role_name(question->role), SHOWN_BYTES, trust->config.folder,
		DPS_TRUST_NAME);
	return DPS_TRUST_UNKNOWN;
}

static enum dps_trust_verdict judge_listed(struct dps_trust *trust,
					   const struct dps_trust_question *question,
					   const char *text, struct dps_grant *grant,
					   char *sentence)
{
	struct found found;

	if (reread(trust, sentence) < 0)
		return DPS_TRUST_BROKEN;
	found = look_up(trust, question);
	if (found.has_key && (found.is_torn || !(found.may & question->role)))
		return refuse_role(trust, question, text, found.is_torn, sentence);
	if (found.has_key) {
		*grant = found.grant;
		return DPS_TRUST_LISTED;
	}
	if (found.has_key_other || found.has_name)
		return refuse_changed(trust, question, text, sentence);
	if (question->certified && question->certified[0])
		return judge_certified(trust, question, sentence);
	if (!trust->config.trusts_on_first_use)
		return refuse_unknown(trust, question, text, sentence);
	return DPS_TRUST_FIRST_USE;
}

enum dps_trust_verdict dps_trust_judge(struct dps_trust *trust,
				       const struct dps_trust_question *question,
				       struct dps_grant *grant,
				       char sentence[DPS_TRUST_SENTENCE_BYTES])
{
	const struct dps_trust_config *config = &trust->config;
	char text[DPS_FINGERPRINT_TEXT_BYTES];
	struct dps_grant ignored;

	if (!grant)
		grant = &ignored;
	*grant = (struct dps_grant){ 0 };
	sentence[0] = '\0';
	dps_fingerprint_format(question->fingerprint, text);
	for (unsigned int i = 0; i < config->pinned_count; i++)
		if (dps_fingerprint_is_equal(&config->pinned[i], question->fingerprint))
			return DPS_TRUST_PINNED;
	if (config->pinned_count > 0)
		return refuse_unknown(trust, question, text, sentence);
	if (dps_fingerprint_is_equal(config->own, question->fingerprint))
		return DPS_TRUST_OWN;
	return judge_listed(trust, question, text, grant, sentence);
}

int dps_trust_remember(struct dps_trust *trust, const struct dps_trust_question *question,
		       char sentence[DPS_TRUST_SENTENCE_BYTES])
{
	char text[DPS_FINGERPRINT_TEXT_BYTES], line[DPS_AUTHORIZED_LINE_BYTES_MAX];
	int fd = openat(trust->config.folder_fd, DPS_TRUST_NAME,
			O_RDWR | O_APPEND | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	int length, result = 0;

	if (fd < 0) {
		result = -errno;
		return fail(trust, sentence, strerror(-result), result);
	}
	dps_fingerprint_format(question->fingerprint, text);
	length = snprintf(line, sizeof(line), "%s%s %s may=%s\n", ends_a_line(fd) ? "" : "\n", text,
			  question->name, role_name(question->role));
	/* One write, as others may append as well. */
	if (write(fd, line, (size_t)length) != length || fsync(fd) != 0)
		result = fail(trust, sentence, "cannot be written", errno ? -errno : -EIO);
	close(fd);
	if (result == 0)
		snprintf(sentence, DPS_TRUST_SENTENCE_BYTES,
			 "%s is trusted on first use with the key %s, which %.*s/%s remembers",
			 question->name, text, SHOWN_BYTES, trust->config.folder, DPS_TRUST_NAME);
	return result;
}
