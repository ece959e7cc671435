#ifndef WEIR_TESTS_H1_LLHTTP_H
#define WEIR_TESTS_H1_LLHTTP_H
/*
 * h1_llhttp.h - llhttp alone, in strict mode, reads a head that our own reader
 * took. It shares nothing with proto/h1_second: what is compared is text, and
 * all of it, where production compares only what has a body.
 */
#include <weir/base.h>

struct h1_head;

/*
 * bytes: the head as it came, whose names are not yet lower-case. NULL when llhttp takes
 * it too and sees the same method, target, version, fields, framing and end of
 * the head; else words for people (to be freed).
 */
char *h1_llhttp_differs(weir_str bytes, const struct h1_head *head);

#endif
