#ifndef WEIR_DAEMON_WEIRCTL_H
#define WEIR_DAEMON_WEIRCTL_H
/*
 * weirctl.h - the operator's client of the control socket. It knows the commands
 * only by their help: words go there as they are, and whatever comes back is a table.
 */
#include <weir/base.h>

/* Its exit codes; those from 64 on are sysexits.h's. */
enum weirctl_code {
	WEIRCTL_OK = 0,
	WEIRCTL_PART = 1,	  /* refused, or some of the answer is missing */
	WEIRCTL_USAGE = 2,	  /* the command line makes no sense */
	WEIRCTL_UNREACHABLE = 69, /* no daemon listens there, or it does not answer */
	WEIRCTL_SYSTEM = 71,
	WEIRCTL_PERMISSION = 77,
};

/* For src/weirctl.c only, as weir_main() is for src/main.c. */
WEIR_API int weir_ctl_main(int argc, char **argv);

#endif
