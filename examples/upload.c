/*
 * upload.c - a body of any size, counted and hashed while it streams.
 *
 *	curl -T LICENSE http://127.0.0.1:8000/upload
 *
 * Only one piece of it is in memory at a time. The library that does the work,
 * OpenSSL here, is used as in any C program; what it allocates is not request
 * memory, so it needs a clean-up of its own that also runs when the client
 * leaves in the middle and the handler returns early.
 */
#include <openssl/evp.h>
#include <weir/weir.h>

static void free_digest(EVP_MD_CTX **ctx)
{
	EVP_MD_CTX_free(*ctx);
}

/* Lower case hex digits, and a NUL. */
static void to_hex(const unsigned char *bytes, size_t n, char *ret_hex)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < n; i++) {
		ret_hex[2 * i] = digits[bytes[i] >> 4];
		ret_hex[2 * i + 1] = digits[bytes[i] & 15];
	}
	ret_hex[2 * n] = '\0';
}

static int upload(weir_req *req)
{
	__attribute__((cleanup(free_digest))) EVP_MD_CTX *digest = EVP_MD_CTX_new();
	char hex[2 * EVP_MAX_MD_SIZE + 1];
	unsigned char sum[EVP_MAX_MD_SIZE];
	unsigned long long n_bytes = 0;
	unsigned sum_len;
	weir_str piece;
	int r;

	if (!digest || !EVP_DigestInit_ex(digest, EVP_sha256(), NULL))
		return weir_fail(req, -ENOMEM, "no SHA-256");

	while ((r = weir_body_next(req, &piece)) > 0) {
		n_bytes += piece.len;
		if (!EVP_DigestUpdate(digest, piece.ptr, piece.len))
			return weir_fail(req, -EIO, "SHA-256 failed after %llu bytes", n_bytes);
	}
	if (r < 0)
		return r; /* too large: 413; cut short: 400 */

	if (!EVP_DigestFinal_ex(digest, sum, &sum_len))
		return weir_fail(req, -EIO, "SHA-256 did not end");
	to_hex(sum, sum_len, hex);
	return weir_respond(req, 200, "application/json",
			    weir_printf(req, "{\"bytes\":%llu,\"sha256\":\"%s\"}\n", n_bytes, hex));
}

WEIR_MODULE(.name = "upload", .handlers = WEIR_HANDLERS({ "upload", upload, "PUT", "/upload", 0 }));
