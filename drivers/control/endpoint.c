/* SPDX-License-Identifier: BSD-3-Clause */
#include "drivers/control/endpoint.h"
#include <arpa/inet.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool fail(char *error, const char *text, const char *what)
{
	snprintf(error, DPS_ENDPOINT_ERROR_BYTES, "address \"%.300s\" %s", text, what);
	return false;
}

static bool parse_port(const char *text, enum dps_endpoint_use use, uint16_t *port)
{
	unsigned long number = 0;
	size_t length = strlen(text);

	if (length == 0 || length > 5 || strspn(text, "0123456789") != length)
		return false;
	number = strtoul(text, NULL, 10);
	*port = (uint16_t)number;
	return number <= UINT16_MAX && (number > 0 || use == DPS_ENDPOINT_LISTEN);
}

static bool is_ipv6(const char *host)
{
	char address[INET6_ADDRSTRLEN];
	struct in6_addr binary;
	size_t length = strcspn(host, "%");

	if (length >= sizeof(address) || (host[length] == '%' && host[length + 1] == '\0'))
		return false;
	memcpy(address, host, length);
	address[length] = '\0';
	return inet_pton(AF_INET6, address, &binary) == 1;
}

/* Digits and dots are an IPv4 address or a mistake; everything else may be a name (RFC 1123). */
static bool is_name_or_ipv4(const char *host)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "0123456789.-_";
	struct in_addr binary;

	if (strspn(host, "0123456789.") == strlen(host))
		return inet_pton(AF_INET, host, &binary) == 1;
	return strspn(host, letters) == strlen(host) && host[0] != '-' && host[0] != '.';
}

/* Finds the host in text and what follows it: "" or ":port". */
static bool split(const char *text, const char **host, size_t *host_bytes, const char **rest,
		  char *error)
{
	const char *end;

	if (text[0] == '[') {
		end = strchr(text, ']');
		if (!end)
			return fail(error, text, "has a bracket that is not closed");
		*host = text + 1;
		*host_bytes = (size_t)(end - text) - 1;
		*rest = end + 1;
		if (**rest != '\0' && **rest != ':')
			return fail(error, text, "goes on behind the bracket without a colon");
		return true;
	}
	*host = text;
	*host_bytes = strcspn(text, ":");
	*rest = text + *host_bytes;
	if (**rest == ':' && strchr(*rest + 1, ':'))
		return fail(error, text,
			    "has several colons: IPv6 stands in brackets, as in [::1]:7420");
	return true;
}

bool dps_endpoint_parse(struct dps_endpoint_name *endpoint, const char *text,
			enum dps_endpoint_use use, char error[DPS_ENDPOINT_ERROR_BYTES])
{
	bool is_bracketed = text[0] == '[';
	const char *host, *rest;
	size_t host_bytes;

	if (text[0] == '\0')
		return fail(error, text, "is empty");
	if (!split(text, &host, &host_bytes, &rest, error))
		return false;
	if (host_bytes >= sizeof(endpoint->host))
		return fail(error, text, "is too long");
	memcpy(endpoint->host, host, host_bytes);
	endpoint->host[host_bytes] = '\0';
	endpoint->port = DPS_ENDPOINT_PORT;
	if (is_bracketed && !is_ipv6(endpoint->host))
		return fail(error, text, "has no IPv6 address in its brackets");
	if (!is_bracketed && host_bytes == 0 && use == DPS_ENDPOINT_CONNECT)
		return fail(error, text, "does not say which host");
	if (!is_bracketed && host_bytes > 0 && !is_name_or_ipv4(endpoint->host))
		return fail(error, text, "is neither an IP address nor a name");
	if (rest[0] == ':' && !parse_port(rest + 1, use, &endpoint->port))
		return fail(error, text, "has a port that is not a number from 1 to 65535");
	return true;
}

unsigned int dps_endpoint_resolve(const struct dps_endpoint_name *endpoint,
				  enum dps_endpoint_use use,
				  struct dps_socket_address addresses[DPS_ENDPOINT_ADDRESSES_MAX],
				  char error[DPS_ENDPOINT_ERROR_BYTES])
{
	const struct addrinfo hints = { .ai_family = AF_UNSPEC,
					.ai_socktype = SOCK_STREAM,
					.ai_flags = AI_NUMERICSERV |
						    (use == DPS_ENDPOINT_LISTEN ? AI_PASSIVE : 0) };
	struct addrinfo *found, *at;
	unsigned int count = 0;
	char port[8];
	int status;

	snprintf(port, sizeof(port), "%u", endpoint->port);
	status = getaddrinfo(endpoint->host[0] ? endpoint->host : NULL, port, &hints, &found);
	if (status != 0) {
		snprintf(error, DPS_ENDPOINT_ERROR_BYTES, "no address is known for \"%s\": %s",
			 endpoint->host, gai_strerror(status));
		return 0;
	}
	for (at = found; at && count < DPS_ENDPOINT_ADDRESSES_MAX; at = at->ai_next) {
		if (at->ai_addrlen > sizeof(addresses[count].storage))
			continue;
		memset(&addresses[count], 0, sizeof(addresses[count]));
		memcpy(&addresses[count].storage, at->ai_addr, at->ai_addrlen);
		addresses[count++].bytes = at->ai_addrlen;
	}
	freeaddrinfo(found);
	if (count == 0)
		snprintf(error, DPS_ENDPOINT_ERROR_BYTES, "no address is known for \"%s\"",
			 endpoint->host);
	return count;
}

void dps_socket_address_format(const struct dps_socket_address *address,
			       char text[DPS_ENDPOINT_TEXT_BYTES])
{
	char host[DPS_ENDPOINT_TEXT_BYTES - 10], port[8];

	if (getnameinfo((const struct sockaddr *)&address->storage, address->bytes, host,
			sizeof(host), port, sizeof(port), NI_NUMERICHOST | NI_NUMERICSERV) != 0) {
		snprintf(text, DPS_ENDPOINT_TEXT_BYTES, "an unknown address");
		return;
	}
	snprintf(text, DPS_ENDPOINT_TEXT_BYTES, strchr(host, ':') ? "[%s]:%s" : "%s:%s", host,
		 port);
}
