#ifndef WEIR_TESTS_TLS_FIXTURE_H
#define WEIR_TESTS_TLS_FIXTURE_H
/* tls_fixture.h - a configuration with TLS on two of three listeners, and its files. */
#include "conf_fixture.h"
#include "tls_made.h"

#define TLS_FIXTURE                                       \
	"listen:\n"                                       \
	"  - address: 127.0.0.1:1\n"                      \
	"    tls: {certificate: a.pem, key: a-key.pem}\n" \
	"  - address: 127.0.0.1:2\n"                      \
	"  - address: 127.0.0.1:3\n"                      \
	"    tls: {certificate: b.pem, key: b-key.pem, verify: require, client_ca: ca.pem}\n"

static inline void tls_fixture_write(const char *name, const struct made *m)
{
	char file[64];

	(void)snprintf(file, sizeof(file), "%s.pem", name);
	fixture_write(file, m->pem, strlen(m->pem));
	(void)snprintf(file, sizeof(file), "%s-key.pem", name);
	fixture_write(file, m->key_pem, strlen(m->key_pem));
}

/* A new pair of that name, for that host. */
static inline void tls_fixture_issue(const char *name, const char *host)
{
	struct made m;

	made_new(&m, &(struct made_spec){ .name = host, .is_ca = true });
	tls_fixture_write(name, &m);
	made_done(&m);
}

static inline void tls_fixture_init(struct fixture *f)
{
	fixture_init(f);
	tls_fixture_issue("a", "a.test");
	tls_fixture_issue("b", "b.test");
	tls_fixture_issue("ca", "ca");
	fixture_load(f, TLS_FIXTURE);
	cr_assert_eq(f->r, 0, "%s", f->said);
}

#endif
