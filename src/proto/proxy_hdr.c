/*
 * proxy_hdr.c - strict: whoever may speak here is a program, and one that speaks
 * otherwise is no proxy. Everything is judged as early as it can be, so that a
 * browser on the wrong port is not waited for.
 */
#include "proto/proxy_hdr.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/inet.h"
#include "base/str.h"

/* Version 1: with CRLF (section 2.1). */
#define V1_MAX 107
#define V1_SIGNATURE "PROXY "
#define V2_SIGNATURE "\r\n\r\n\0\r\nQUIT\n"
#define V2_HEAD 16
#define V2_UNIX 108

#define TLV_CRC32C 0x03
#define TLV_HEAD 3

static int refuse(const char **reterr_words, const char *words)
{
	*reterr_words = words;
	return -EPROTO;
}

/* All of signature that can be there is. */
static bool begins_with(weir_str bytes, weir_str signature)
{
	size_t n = bytes.len < signature.len ? bytes.len : signature.len;

	return memcmp(bytes.ptr, signature.ptr, n) == 0;
}

static size_t write_name(const struct inet *inet, unsigned port, char ret_name[PROXY_HDR_NAME_MAX])
{
	bool is_v4 = inet_is_v4(inet);
	char text[INET_TEXT_MAX];
	size_t len = inet_write(inet, text);
	int n = snprintf(ret_name, PROXY_HDR_NAME_MAX, is_v4 ? "%.*s:%u" : "[%.*s]:%u", (int)len,
			 text, port);

	return (size_t)n;
}

/* ---- version 1 */

/* No sign, no leading zero. */
static bool take_port(weir_str text, unsigned *ret_port)
{
	uint64_t port;

	if (text.len == 0 || text.len > 5 || (text.len > 1 && text.ptr[0] == '0'))
		return false;
	if (str_to_u64(text, &port) < 0 || port > 65535)
		return false;
	*ret_port = (unsigned)port;
	return true;
}

/* IPv6 has colons, IPv4 has none; nobody writes one as the other here. */
static bool take_address(weir_str text, bool is_v6, struct inet *ret_inet)
{
	if (text.len == 0 || (memchr(text.ptr, ':', text.len) != NULL) != is_v6)
		return false;
	return inet_parse(text, ret_inet) == 0;
}

/* What stands between "PROXY " and CRLF. */
static int take_line(weir_str line, struct proxy_hdr *ret_hdr, const char **reterr_words)
{
	weir_str family = str_split(&line, ' '), part[4];
	bool is_v6 = weir_str_eq(family, WEIR_STR("TCP6"));
	struct inet from, to;
	unsigned from_port, to_port;

	if (weir_str_eq(family, WEIR_STR("UNKNOWN")))
		return 0; /* what follows, if anything, is to be ignored */
	if (!is_v6 && !weir_str_eq(family, WEIR_STR("TCP4")))
		return refuse(reterr_words, "its PROXY line is neither TCP4, TCP6 nor UNKNOWN");
	for (int i = 0; i < 4; i++)
		part[i] = str_split(&line, ' ');
	if (line.ptr || !take_address(part[0], is_v6, &from) || !take_address(part[1], is_v6, &to))
		return refuse(reterr_words, "its PROXY line has malformed addresses");
	if (!take_port(part[2], &from_port) || !take_port(part[3], &to_port))
		return refuse(reterr_words, "its PROXY line has malformed ports");
	ret_hdr->has_names = true;
	ret_hdr->from_len = write_name(&from, from_port, ret_hdr->from);
	ret_hdr->to_len = write_name(&to, to_port, ret_hdr->to);
	return 0;
}

static ssize_t read_v1(weir_str bytes, struct proxy_hdr *ret_hdr, const char **reterr_words)
{
	size_t max = bytes.len < V1_MAX ? bytes.len : V1_MAX;
	const char *end = memchr(bytes.ptr, '\n', max);
	size_t len = end ? (size_t)(end - bytes.ptr) + 1 : 0, skip = sizeof(V1_SIGNATURE) - 1;
	int r;

	if (!end && bytes.len >= V1_MAX)
		return refuse(reterr_words, "its PROXY line has more than 107 bytes");
	if (!end)
		return 0;
	if (end[-1] != '\r')
		return refuse(reterr_words, "its PROXY line does not end with CR LF");
	r = take_line((weir_str){ bytes.ptr + skip, len - skip - 2 }, ret_hdr, reterr_words);
	return r < 0 ? r : (ssize_t)len;
}

/* ---- version 2 */

static unsigned get_u16(const char *p)
{
	return (unsigned)(uint8_t)p[0] << 8 | (uint8_t)p[1];
}

static uint32_t get_u32(const char *p)
{
	return (uint32_t)get_u16(p) << 16 | get_u16(p + 2);
}

/* CRC-32C (RFC 4960, appendix B), bit by bit: once a connection, if at all. */
static uint32_t crc32c(uint32_t crc, const char *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		crc ^= (uint8_t)bytes[i];
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? UINT32_C(0x82f63b78) : 0);
	}
	return crc;
}

/* Over the whole header, with zeros where the sum itself stands (section 2.2.4). */
static bool is_sum_right(weir_str header, const char *sum)
{
	static const char zeros[4];
	const char *behind = sum + sizeof(zeros);
	uint32_t crc = crc32c(UINT32_MAX, header.ptr, (size_t)(sum - header.ptr));

	crc = crc32c(crc, zeros, sizeof(zeros));
	crc = crc32c(crc, behind, (size_t)(header.ptr + header.len - behind));
	return ~crc == get_u32(sum);
}

/* What follows the addresses: nothing of it is used, but a sum has to be right. */
static int check_tlvs(weir_str header, size_t at, const char **reterr_words)
{
	while (at < header.len) {
		const char *tlv = header.ptr + at;
		size_t len;

		if (header.len - at < TLV_HEAD || header.len - at - TLV_HEAD < get_u16(tlv + 1))
			return refuse(reterr_words, "a TLV of its PROXY header goes beyond it");
		len = get_u16(tlv + 1);
		if (*tlv == TLV_CRC32C && (len != 4 || !is_sum_right(header, tlv + TLV_HEAD)))
			return refuse(reterr_words, "the checksum of its PROXY header is wrong");
		at += TLV_HEAD + len;
	}
	return 0;
}

static size_t take_unix(const char *path, char ret_name[PROXY_HDR_NAME_MAX])
{
	int n = snprintf(ret_name, PROXY_HDR_NAME_MAX, "unix:%.*s", V2_UNIX, path);
	size_t len = strnlen(path, V2_UNIX) + 5;

	/* What is no path, or could forge a line of the log, is one without a name. */
	for (int i = 5; i < n; i++) {
		if (ret_name[i] < ' ' || ret_name[i] == 0x7f)
			return 5;
	}
	return len;
}

static size_t take_inet(const char *bytes, size_t address_len, const char *port,
			char ret_name[PROXY_HDR_NAME_MAX])
{
	struct inet inet = { .bytes = { [10] = 0xff, [11] = 0xff } };

	memcpy(inet.bytes + sizeof(inet.bytes) - address_len, bytes, address_len);
	return write_name(&inet, get_u16(port), ret_name);
}

/* Bytes of an address of that family: the header has two of them, then two ports but for Unix. */
static size_t size_of(unsigned family)
{
	return family == 1 ? 4 : family == 2 ? 16 : family == 3 ? V2_UNIX : 0;
}

static void take_names(const char *at, unsigned family, struct proxy_hdr *ret_hdr)
{
	size_t size = size_of(family);

	ret_hdr->has_names = true;
	if (family == 3) {
		ret_hdr->from_len = take_unix(at, ret_hdr->from);
		ret_hdr->to_len = take_unix(at + size, ret_hdr->to);
		return;
	}
	ret_hdr->from_len = take_inet(at, size, at + 2 * size, ret_hdr->from);
	ret_hdr->to_len = take_inet(at + size, size, at + 2 * size + 2, ret_hdr->to);
}

/* Whole. */
static int take_binary(weir_str header, struct proxy_hdr *ret_hdr, const char **reterr_words)
{
	uint8_t command = (uint8_t)header.ptr[12] & 0xf, protocol = (uint8_t)header.ptr[13];
	unsigned family = protocol >> 4, transport = protocol & 0xf;
	size_t size = 2 * size_of(family) + (family == 1 || family == 2 ? 4 : 0);
	bool is_known = size > 0 && transport == 1;

	if (header.len - V2_HEAD < size)
		return refuse(reterr_words, "its PROXY header is too short for its addresses");
	/* Of a LOCAL one even the family is to be ignored; but a sum is a sum. */
	if (command == 1 && is_known)
		take_names(header.ptr + V2_HEAD, family, ret_hdr);
	return check_tlvs(header, V2_HEAD + size, reterr_words);
}

/* Its first 16 bytes: they can be judged before the rest is there. */
static int judge_head(const char *bytes, const char **reterr_words)
{
	uint8_t version = (uint8_t)bytes[12], protocol = (uint8_t)bytes[13];

	if (version >> 4 != 2 || (version & 0xf) > 1)
		return refuse(reterr_words, "its PROXY header is of an unknown version or command");
	if (protocol >> 4 > 3 || (protocol & 0xf) > 2)
		return refuse(reterr_words, "its PROXY header is of an unknown family");
	if (V2_HEAD + get_u16(bytes + 14) > PROXY_HDR_MAX)
		return refuse(reterr_words, "its PROXY header has more than 4 KiB");
	return 0;
}

static ssize_t read_v2(weir_str bytes, struct proxy_hdr *ret_hdr, const char **reterr_words)
{
	size_t len;
	int r;

	if (bytes.len < V2_HEAD)
		return 0;
	r = judge_head(bytes.ptr, reterr_words);
	if (r < 0)
		return r;
	len = V2_HEAD + get_u16(bytes.ptr + 14);
	if (bytes.len < len)
		return 0;
	r = take_binary((weir_str){ bytes.ptr, len }, ret_hdr, reterr_words);
	return r < 0 ? r : (ssize_t)len;
}

ssize_t proxy_hdr_read(const char *bytes, size_t len, struct proxy_hdr *ret_hdr,
		       const char **reterr_words)
{
	const weir_str v1 = { V1_SIGNATURE, sizeof(V1_SIGNATURE) - 1 };
	const weir_str v2 = { V2_SIGNATURE, sizeof(V2_SIGNATURE) - 1 };
	weir_str in = { bytes, len };

	if (len == 0)
		return 0;
	ret_hdr->has_names = false;
	ret_hdr->from_len = 0;
	ret_hdr->to_len = 0;
	if (begins_with(in, v2))
		return read_v2(in, ret_hdr, reterr_words);
	if (!begins_with(in, v1))
		return refuse(reterr_words, "it does not begin with a PROXY header");
	return read_v1(in, ret_hdr, reterr_words);
}
