#ifndef WEIR_DAEMON_CRASH_REPORT_H
#define WEIR_DAEMON_CRASH_REPORT_H
/*
 * crash_report.h - a child's note (daemon/crash_note) as lines of the log: what
 * happened, in which task, and a line for each function that was under way.
 *
 *	error worker 0: SIGSEGV at address 0x8 in shop.buy (GET /buy, request 0123456789abcdef)
 *	error worker 0: #0 price_of at shop.c:17 (shop.so+0x1234)
 *	error worker 0: #1 buy at shop.c:40 (shop.so+0x1300)
 *
 * It reads the files of all that is mapped: for a process that has nothing
 * else to do.
 */
#include <stdbool.h>

struct crash_note;
struct log;

enum crash_report_what {
	CRASH_REPORT_CRASH,
	CRASH_REPORT_STALL, /* only the functions: the child has said the rest itself */
};

/* Is there anything to report? */
bool crash_report_is_due(const struct crash_note *note, enum crash_report_what what);
/* The log says who it is about. */
void crash_report_write(const struct log *log, const struct crash_note *note,
			enum crash_report_what what);

#endif
