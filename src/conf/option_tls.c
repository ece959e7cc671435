/* option_tls.c - what may be said of a listener's TLS and of each certificate; see option_table.h. */
#include "conf/option_tls.h"

#include <assert.h>

#include "conf/conf.h"
#include "io/tls_ctx.h"

static const struct option_choice verifies[] = {
	{ "none", TLS_VERIFY_NONE },
	{ "optional", TLS_VERIFY_OPTIONAL },
	{ "require", TLS_VERIFY_REQUIRE },
	{ NULL, 0 },
};

static const struct option_choice versions[] = {
	{ "TLSv1.2", TLS_VERSION_1_2 },
	{ "TLSv1.3", TLS_VERSION_1_3 },
	{ NULL, 0 },
};

#define TLS(field) .place = OPTION_TLS, .offset = offsetof(struct conf_tls, field)
#define CERTIFICATE(field) \
	.place = OPTION_CERTIFICATE, .offset = offsetof(struct conf_certificate, field)

const struct option_spec option_tls_rows[] = {
	{ .name = "certificate",
	  TLS(only.certificate),
	  .type = OPTION_FILE,
	  .help = "A file in PEM: the certificate, then the one that has signed it, and so on.\n"
		  "A file that changes is read again; connections that are open stay." },
	{ .name = "key",
	  TLS(only.key),
	  .type = OPTION_FILE,
	  .help = "A file in PEM: its private key, without a password. Only the master reads it,\n"
		  "so root may be the only one who can." },
	{ .name = "certificates",
	  TLS(certificates),
	  .n_offset = offsetof(struct conf_tls, n_certificates),
	  .type = OPTION_ITEMS,
	  .items = OPTION_CERTIFICATE,
	  .help = "Several of them: the name that a client asks for (SNI) chooses among their\n"
		  "names; the first is for all others." },
	{ .name = "verify",
	  TLS(verify),
	  .type = OPTION_CHOICE,
	  .choices = verifies,
	  .fallback = "none",
	  .help = "Whether clients are asked for a certificate: none; optional, who has none is\n"
		  "served, too; require. A bad one is refused. Handlers find it in the scope." },
	{ .name = "client_ca",
	  TLS(client_ca),
	  .type = OPTION_FILE,
	  .help = "A file in PEM: who signs the certificates of clients." },
	{ .name = "min_version",
	  TLS(min_version),
	  .type = OPTION_CHOICE,
	  .choices = versions,
	  .fallback = "TLSv1.2",
	  .help = "Older versions are refused." },
	{ .name = "ciphers",
	  TLS(ciphers),
	  .type = OPTION_NAME,
	  .help = "Of TLS 1.2, as OpenSSL names them, the best first. Default: Mozilla's\n"
		  "\"intermediate\" ones with elliptic curves." },
	{ .name = "ciphersuites",
	  TLS(ciphersuites),
	  .type = OPTION_NAME,
	  .help = "Of TLS 1.3, the same. Default: all three that Mozilla recommends. Clients that\n"
		  "like ChaCha20 best, because they have no AES in hardware, get it." },
	{ .name = "tickets",
	  TLS(has_tickets),
	  .type = OPTION_BOOL,
	  .fallback = "true",
	  .help = "Clients that come back resume their session, on any worker. The keys for that\n"
		  "are made anew every 12 hours." },
	{ .name = "ktls",
	  TLS(has_ktls),
	  .type = OPTION_BOOL,
	  .fallback = "false",
	  .help = "The kernel encrypts what is sent, where it can (CONFIG_TLS): good for large\n"
		  "files." },

	{ .name = "certificate",
	  CERTIFICATE(certificate),
	  .type = OPTION_FILE,
	  .is_required = true,
	  .help = "A file in PEM: the certificate, then the one that has signed it, and so on." },
	{ .name = "key",
	  CERTIFICATE(key),
	  .type = OPTION_FILE,
	  .is_required = true,
	  .help = "A file in PEM: its private key, without a password." },
	{ .name = NULL },
};

static_assert(sizeof(enum tls_verify) == sizeof(int), "a choice is stored as an int");
static_assert(sizeof(enum tls_version) == sizeof(int), "a choice is stored as an int");
