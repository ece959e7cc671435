#ifndef WEIR_APP_HTTPS_H
#define WEIR_APP_HTTPS_H
/*
 * https.h - a route's rules about TLS: requests without it are sent to https, and
 * answers with it tell browsers to use nothing else (HSTS, RFC 6797).
 */
#include <stdbool.h>
#include <stdint.h>
#include <weir/base.h>

struct exchange;

#define HTTPS_HSTS_MAX 48

struct https_rules {
	unsigned redirect_port;	   /* 0: plain requests are served */
	char hsts[HTTPS_HSTS_MAX]; /* the field's value; empty: none */
};

/* True: there are any. hsts_ms: 0 says nothing to browsers. */
bool https_make(struct https_rules *rules, unsigned redirect_port, int64_t hsts_ms,
		bool has_subdomains);

/* To an answer that no route gives: the same field, and nothing else. */
void https_tell(const struct https_rules *rules, struct exchange *ex);

/* True: the exchange was answered, and is finished. name: the route's, for the log. */
bool https_apply(const struct https_rules *rules, struct exchange *ex, const char *name);

#endif
