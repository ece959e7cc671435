#ifndef WEIR_CONF_CLI_H
#define WEIR_CONF_CLI_H
/*
 * cli.h - the command line: what is asked for. Parsing it does nothing else.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "base/macro.h"

#define CLI_MAX_LISTEN 64

enum cli_command {
	CLI_SERVE, /* weir -c FILE, weir run MODULE */
	CLI_CHECK, /* the same with -t */
	CLI_PRINT, /* the same with -T */
	CLI_HELP,  /* and the others: cli_answer() does them */
	CLI_HELP_CONFIG,
	CLI_PRINT_DEFAULT,
	CLI_PRINT_SCHEMA,
	CLI_VERSION,
	CLI_BAD, /* makes no sense; error says why */
};

/* All texts are borrowed from argv. */
struct cli {
	enum cli_command command;
	const char *file;	/* -c; NULL without */
	const char *run_module; /* of `weir run`; NULL without */
	const char *workers;	/* --workers; NULL without */
	const char *listen[CLI_MAX_LISTEN];
	size_t n_listen;
	char error[256]; /* of CLI_BAD */
};

/* 0, or -EINVAL with CLI_BAD. argv ends with NULL, as main's does, and its order may change. */
MUST_USE int cli_parse(int argc, char **argv, struct cli *ret);

/* Prints what commands other than these three ask for; returns the exit code. */
MUST_USE int cli_answer(const struct cli *cli, FILE *out, FILE *err);

#endif
