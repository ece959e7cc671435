#ifndef WEIR_PROTO_HTTP_H
#define WEIR_PROTO_HTTP_H
/*
 * http.h - the words of HTTP that no version of it changes: methods, statuses,
 * character classes, and what a response may carry.
 */
#include <stdbool.h>
#include <weir/base.h>

#include "base/macro.h"

/* What llhttp knows too: a method outside this table is answered 501. */
#define HTTP_METHOD_TABLE(X)          \
	X(GET, "GET")                 \
	X(HEAD, "HEAD")               \
	X(POST, "POST")               \
	X(PUT, "PUT")                 \
	X(DELETE, "DELETE")           \
	X(OPTIONS, "OPTIONS")         \
	X(PATCH, "PATCH")             \
	X(TRACE, "TRACE")             \
	X(CONNECT, "CONNECT")         \
	X(COPY, "COPY")               \
	X(LOCK, "LOCK")               \
	X(MKCOL, "MKCOL")             \
	X(MOVE, "MOVE")               \
	X(PROPFIND, "PROPFIND")       \
	X(PROPPATCH, "PROPPATCH")     \
	X(SEARCH, "SEARCH")           \
	X(UNLOCK, "UNLOCK")           \
	X(BIND, "BIND")               \
	X(REBIND, "REBIND")           \
	X(UNBIND, "UNBIND")           \
	X(ACL, "ACL")                 \
	X(REPORT, "REPORT")           \
	X(MKACTIVITY, "MKACTIVITY")   \
	X(CHECKOUT, "CHECKOUT")       \
	X(MERGE, "MERGE")             \
	X(MSEARCH, "M-SEARCH")        \
	X(NOTIFY, "NOTIFY")           \
	X(SUBSCRIBE, "SUBSCRIBE")     \
	X(UNSUBSCRIBE, "UNSUBSCRIBE") \
	X(PURGE, "PURGE")             \
	X(MKCALENDAR, "MKCALENDAR")   \
	X(LINK, "LINK")               \
	X(UNLINK, "UNLINK")           \
	X(SOURCE, "SOURCE")

enum http_method {
	HTTP_METHOD_UNKNOWN,
#define HTTP_METHOD_ENUM(id, name) HTTP_METHOD_##id,
	HTTP_METHOD_TABLE(HTTP_METHOD_ENUM)
#undef HTTP_METHOD_ENUM
		HTTP_METHOD_COUNT,
};

/* IANA's registry of status codes, without the ones it calls unused. */
#define HTTP_STATUS_TABLE(X)                      \
	X(100, "Continue")                        \
	X(101, "Switching Protocols")             \
	X(102, "Processing")                      \
	X(103, "Early Hints")                     \
	X(104, "Upload Resumption Supported")     \
	X(200, "OK")                              \
	X(201, "Created")                         \
	X(202, "Accepted")                        \
	X(203, "Non-Authoritative Information")   \
	X(204, "No Content")                      \
	X(205, "Reset Content")                   \
	X(206, "Partial Content")                 \
	X(207, "Multi-Status")                    \
	X(208, "Already Reported")                \
	X(226, "IM Used")                         \
	X(300, "Multiple Choices")                \
	X(301, "Moved Permanently")               \
	X(302, "Found")                           \
	X(303, "See Other")                       \
	X(304, "Not Modified")                    \
	X(305, "Use Proxy")                       \
	X(307, "Temporary Redirect")              \
	X(308, "Permanent Redirect")              \
	X(400, "Bad Request")                     \
	X(401, "Unauthorized")                    \
	X(402, "Payment Required")                \
	X(403, "Forbidden")                       \
	X(404, "Not Found")                       \
	X(405, "Method Not Allowed")              \
	X(406, "Not Acceptable")                  \
	X(407, "Proxy Authentication Required")   \
	X(408, "Request Timeout")                 \
	X(409, "Conflict")                        \
	X(410, "Gone")                            \
	X(411, "Length Required")                 \
	X(412, "Precondition Failed")             \
	X(413, "Content Too Large")               \
	X(414, "URI Too Long")                    \
	X(415, "Unsupported Media Type")          \
	X(416, "Range Not Satisfiable")           \
	X(417, "Expectation Failed")              \
	X(421, "Misdirected Request")             \
	X(422, "Unprocessable Content")           \
	X(423, "Locked")                          \
	X(424, "Failed Dependency")               \
	X(425, "Too Early")                       \
	X(426, "Upgrade Required")                \
	X(428, "Precondition Required")           \
	X(429, "Too Many Requests")               \
	X(431, "Request Header Fields Too Large") \
	X(451, "Unavailable For Legal Reasons")   \
	X(500, "Internal Server Error")           \
	X(501, "Not Implemented")                 \
	X(502, "Bad Gateway")                     \
	X(503, "Service Unavailable")             \
	X(504, "Gateway Timeout")                 \
	X(505, "HTTP Version Not Supported")      \
	X(506, "Variant Also Negotiates")         \
	X(507, "Insufficient Storage")            \
	X(508, "Loop Detected")                   \
	X(510, "Not Extended")                    \
	X(511, "Network Authentication Required")

/* What a byte may be part of; several at once. */
enum http_char {
	HTTP_CHAR_TOKEN = 1, /* tchar: field names, methods (RFC 9110, section 5.6.2) */
	HTTP_CHAR_TARGET =
		2, /* a request target, but '%': RFC 3986 and []{}|^`, sent raw by browsers */
	HTTP_CHAR_HOST = 4, /* a reg-name, but '%' (RFC 3986, section 3.2.2) */
	HTTP_CHAR_HEX = 8,
	HTTP_CHAR_VALUE = 16, /* a field value: anything but control bytes, tab excepted */
};

extern const unsigned char http_chars[256];

static inline bool http_char_is(char c, unsigned classes)
{
	return http_chars[(unsigned char)c] & classes;
}

/* Methods are case-sensitive (RFC 9110, section 9.1). */
enum http_method http_method_parse(weir_str name);
weir_str http_method_name(enum http_method method);

/* Empty for a status nobody registered. */
weir_str http_reason(int status);

/* 1xx, 204 and 304 end with their head (RFC 9110, section 6.4.1). */
static inline bool http_status_has_body(int status)
{
	return status >= 200 && status != 204 && status != 304;
}

/* 1xx and 204 must not even say a length (RFC 9110, section 8.6). */
static inline bool http_status_has_length(int status)
{
	return status >= 200 && status != 204;
}

bool http_is_token(weir_str s);
bool http_is_value(weir_str s);

/*
 * May a handler set this? -EINVAL for a name that is no token, a value with
 * control bytes, and for the fields that are the connection's own business.
 */
MUST_USE int http_field_check(weir_str name, weir_str value);

#endif
