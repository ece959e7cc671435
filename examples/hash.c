/*
 * hash.c - a password's hash, by a function that is slow on purpose.
 *
 *	curl -d 'correct horse' http://127.0.0.1:8000/hash
 *	curl -d 'correct horse' 'http://127.0.0.1:8000/hash?n=32768&r=8&p=1&salt=00ff'
 *
 * scrypt (RFC 7914) takes 50 ms and 16 MiB with the usual parameters. In a handler
 * that would hold up every other client of the worker; as a job it only
 * occupies a job process. What a client may ask for is bounded, so that nobody
 * gets a minute or a gigabyte for one request.
 */
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <weir/weir.h>

#define MAX_PASSWORD 1024
#define MAX_SALT 64
#define HASH_LEN 32
#define MOST_MEMORY ((uint64_t)64 << 20) /* what scrypt takes: 128 * n * r */

/* The job's input: this, then the password. Both ends are this very file, so a struct will do. */
struct order {
	uint64_t n, r, p;
	size_t salt_len;
	unsigned char salt[MAX_SALT];
};

static void to_hex(const unsigned char *bytes, size_t len, char *ret_hex)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < len; i++) {
		ret_hex[2 * i] = digits[bytes[i] >> 4];
		ret_hex[2 * i + 1] = digits[bytes[i] & 15];
	}
	ret_hex[2 * len] = '\0';
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return -1;
}

/* In a job process. It cannot be asked to stop: there is no loop to ask in. It is killed. */
static int scrypt(weir_work *work, weir_str input)
{
	char salt[2 * MAX_SALT + 1], hash[2 * HASH_LEN + 1], json[512];
	unsigned char key[HASH_LEN];
	struct order order;

	if (input.len < sizeof(order))
		return -EINVAL;
	memcpy(&order, input.ptr, sizeof(order));
	if (!EVP_PBE_scrypt(input.ptr + sizeof(order), input.len - sizeof(order), order.salt,
			    order.salt_len, order.n, order.r, order.p, 2 * MOST_MEMORY, key,
			    sizeof(key))) {
		weir_work_log(work, WEIR_LOG_WARN, "no memory for n %llu, r %llu, p %llu",
			      (unsigned long long)order.n, (unsigned long long)order.r,
			      (unsigned long long)order.p);
		return -ENOMEM;
	}
	to_hex(order.salt, order.salt_len, salt);
	to_hex(key, sizeof(key), hash);
	(void)snprintf(
		json, sizeof(json),
		"{\"scrypt\":{\"n\":%llu,\"r\":%llu,\"p\":%llu,\"salt\":\"%s\",\"hash\":\"%s\"}}\n",
		(unsigned long long)order.n, (unsigned long long)order.r,
		(unsigned long long)order.p, salt, hash);
	return weir_work_result(work, weir_strz(json));
}

/* A whole number from min to max; the default when the query has none. False: it is none. */
static bool get_number(weir_req *req, const char *name, uint64_t fallback, uint64_t min,
		       uint64_t max, uint64_t *ret_number)
{
	weir_str text = weir_query_get(req, name);
	uint64_t number = 0;

	*ret_number = fallback;
	if (!text.ptr)
		return true;
	for (size_t i = 0; i < text.len && number <= max; i++) {
		if (text.ptr[i] < '0' || text.ptr[i] > '9')
			return false;
		number = number * 10 + (uint64_t)(text.ptr[i] - '0');
	}
	*ret_number = number;
	return text.len > 0 && number >= min && number <= max;
}

/* Hex digits, or 16 bytes of chance when the query has none. */
static bool get_salt(weir_req *req, struct order *order)
{
	weir_str text = weir_query_get(req, "salt");

	if (!text.ptr) {
		order->salt_len = 16;
		return RAND_bytes(order->salt, 16) == 1;
	}
	if (text.len % 2 != 0 || text.len > (size_t)2 * MAX_SALT)
		return false;
	for (size_t i = 0; i < text.len; i += 2) {
		int high = hex_digit(text.ptr[i]), low = hex_digit(text.ptr[i + 1]);

		if (high < 0 || low < 0)
			return false;
		order->salt[i / 2] = (unsigned char)(high << 4 | low);
	}
	order->salt_len = text.len / 2;
	return true;
}

static bool get_order(weir_req *req, struct order *order)
{
	bool is_good = get_number(req, "n", 16384, 2, 65536, &order->n) &&
		       get_number(req, "r", 8, 1, 16, &order->r) &&
		       get_number(req, "p", 1, 1, 4, &order->p);

	/* A power of two, says the RFC. */
	return is_good && (order->n & (order->n - 1)) == 0 &&
	       128 * order->n * order->r <= MOST_MEMORY && get_salt(req, order);
}

static int hash(weir_req *req)
{
	struct order order = { 0 };
	weir_str password, json;
	weir_job *job;
	char *input;
	int r;

	if (!get_order(req, &order))
		return weir_respond(
			req, 400, "text/plain",
			WEIR_STR("n: a power of two up to 65536; r up to 16; p up to 4; "
				 "128 * n * r up to 64 MiB; salt: hex, up to 64 bytes\n"));
	r = weir_body(req, MAX_PASSWORD, &password);
	if (r < 0)
		return r; /* too long: 413 */
	input = weir_alloc(req, sizeof(order) + password.len);
	if (!input)
		return -ENOMEM;
	memcpy(input, &order, sizeof(order));
	if (password.len > 0)
		memcpy(input + sizeof(order), password.ptr, password.len);

	r = weir_job_start(req, &job, .name = "scrypt",
			   .input = { input, sizeof(order) + password.len });
	if (r < 0)
		return r;
	r = weir_job_await(job, &json);
	if (r < 0)
		return r;
	return weir_respond(req, 200, "application/json", json);
}

WEIR_MODULE(.name = "hash", .handlers = WEIR_HANDLERS({ "hash", hash, "POST", "/hash", 0 }),
	    .jobs = WEIR_JOBS({ "scrypt", scrypt }));
