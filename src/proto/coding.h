#ifndef WEIR_PROTO_CODING_H
#define WEIR_PROTO_CODING_H
/*
 * coding.h - which content codings a client takes, and how gladly (RFC 9110, section
 * 12.5.3). Fields are named in lower case, as h1_read makes them.
 */
#include <weir/base.h>

/* Of equal weight the first is best. */
enum coding { CODING_BR, CODING_ZSTD, CODING_GZIP, CODING_IDENTITY, CODING_COUNT };

/* "br", "zstd", "gzip", "identity". */
weir_str coding_name(enum coding coding);

/*
 * The weight of each, in thousandths; 0: it must not be sent. Without the field
 * only identity has one, though it would mean any: who does not say it may not know any.
 */
void coding_weigh(const weir_header *fields, size_t n_fields, unsigned ret_weights[CODING_COUNT]);

/* The best of those in the set (bits, 1 << coding), and identity if none is better. */
enum coding coding_choose(const unsigned weights[CODING_COUNT], unsigned set);

#endif
