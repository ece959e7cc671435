#ifndef WEIR_CONF_EXIT_CODE_H
#define WEIR_CONF_EXIT_CODE_H
/*
 * exit_code.h - why the daemon ended, in one number for scripts and service
 * managers. Those from 64 on are sysexits.h's.
 */

enum exit_code {
	EXIT_CODE_OK = 0,
	EXIT_CODE_UNCLEAN = 1,	       /* asked to stop, but workers had to be killed */
	EXIT_CODE_USAGE = 2,	       /* the command line makes no sense */
	EXIT_CODE_START = 3,	       /* a worker or a module could not start */
	EXIT_CODE_ADDRESS_IN_USE = 69, /* EX_UNAVAILABLE */
	EXIT_CODE_SYSTEM = 71,	       /* EX_OSERR: no memory, no process, no descriptor */
	EXIT_CODE_PERMISSION = 77,     /* EX_NOPERM */
	EXIT_CODE_CONFIG = 78,	       /* EX_CONFIG */
};

#endif
