/* test_ws_deflate.c - offers and answers, as fields would carry them. */
#include "proto/ws_deflate.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <stdio.h>

#define PMD "permessage-deflate"
#define SNC "server_no_context_takeover"
#define CNC "client_no_context_takeover"
#define SB "server_max_window_bits"
#define CB "client_max_window_bits"

enum { KEEPS_NONE, KEEPS, SMALL };

static const struct ws_deflate_config configs[] = {
	[KEEPS_NONE] = { 15, 15, false },
	[KEEPS] = { 15, 15, true },
	[SMALL] = { 10, 12, true },
};

/* Two fields, if there is a '\n' between them. The answer, "" for none, or the fault's name. */
static const char *answer_to(const char *offers, const struct ws_deflate_config *config)
{
	static char answer[WS_DEFLATE_ANSWER_MAX + 1];
	struct ws_deflate_params params;
	enum fault fault = FAULT_NONE;
	const char *cut = strchr(offers, '\n');
	weir_header fields[] = {
		{ WEIR_STR("x"), WEIR_STR(PMD) },
		{ WEIR_STR("sec-websocket-extensions"), weir_strz(offers) },
		{ WEIR_STR("y"), WEIR_STR("; ;") },
		{ WEIR_STR("sec-websocket-extensions"), weir_strz(cut ? cut + 1 : NULL) },
	};
	int r;

	if (cut)
		fields[1].value.len = (size_t)(cut - offers);
	r = ws_deflate_negotiate(fields, cut ? 4 : 3, config, &params, &fault);
	if (r < 0) {
		cr_expect_eq(r, -EPROTO);
		return fault_name(fault);
	}
	answer[r == 1 ? ws_deflate_answer(&params, answer) : 0] = '\0';
	return answer;
}

struct row {
	int config;
	char offers[160], answer[140];
};

static void check(const struct row *row)
{
	const char *answer = answer_to(row->offers, &configs[row->config]);

	cr_expect_str_eq(answer, row->answer, "'%s': '%s', not '%s'", row->offers, answer,
			 row->answer);
}

ParameterizedTestParameters(ws_deflate, agrees)
{
	static struct row rows[] = {
		/* Contexts are never kept, whatever was asked for. */
		{ KEEPS_NONE, PMD, PMD "; " SNC "; " CNC },
		{ KEEPS_NONE, PMD "; " SNC, PMD "; " SNC "; " CNC },
		{ KEEPS_NONE, PMD "; " CNC "; " CB, PMD "; " SNC "; " CNC },
		{ KEEPS_NONE, PMD "; " SB "=9", PMD "; " SNC "; " CNC "; " SB "=9" },

		/* As the client asks: each of the four parameters, with and without the others. */
		{ KEEPS, PMD, PMD },
		{ KEEPS, PMD "; " SNC, PMD "; " SNC },
		{ KEEPS, PMD "; " CNC, PMD "; " CNC },
		{ KEEPS, PMD "; " CNC "; " SNC, PMD "; " SNC "; " CNC },
		{ KEEPS, PMD "; " SB "=9", PMD "; " SB "=9" },
		{ KEEPS, PMD "; " SB "=15", PMD "; " SB "=15" },
		{ KEEPS, PMD "; " CB, PMD },
		{ KEEPS, PMD "; " CB "=15", PMD },
		{ KEEPS, PMD "; " CB "=9", PMD "; " CB "=9" },
		{ KEEPS, PMD "; " CB "=8", PMD "; " CB "=8" },
		{ KEEPS, PMD "; " SNC "; " SB "=9", PMD "; " SNC "; " SB "=9" },
		{ KEEPS, PMD "; " SNC "; " SB "=15", PMD "; " SNC "; " SB "=15" },
		{ KEEPS, PMD "; " CB "=10; " SB "=11; " CNC "; " SNC,
		  PMD "; " SNC "; " CNC "; " SB "=11; " CB "=10" },

		/* The route allows less. */
		{ SMALL, PMD "; " CB, PMD "; " SB "=10; " CB "=12" },
		{ SMALL, PMD "; " CB "; " SB "=15", PMD "; " SB "=10; " CB "=12" },
		{ SMALL, PMD "; " CB "=15; " SB "=9", PMD "; " SB "=9; " CB "=12" },
		{ SMALL, PMD "; " CB "=12", PMD "; " SB "=10; " CB "=12" },
		{ SMALL, PMD "; " CB "=11", PMD "; " SB "=10; " CB "=11" },

		/* The grammar (RFC 6455, section 9.1). */
		{ KEEPS, PMD ";" SB "=\"9\"", PMD "; " SB "=9" },
		{ KEEPS, PMD ";" SB "=\"1\\5\"", PMD "; " SB "=15" },
		{ KEEPS, PMD " ;\t" SB " = 9 ; " CNC, PMD "; " CNC "; " SB "=9" },
		{ KEEPS, "," PMD ",,", PMD },
		{ KEEPS, "x; a=\"b\\c\", " PMD, PMD },
		{ KEEPS, "x; a=b; a; c=\"d\", " PMD, PMD },
		{ KEEPS, "x\n" PMD, PMD },
		{ KEEPS, "\n" PMD, PMD },
		{ KEEPS, PMD "\n", PMD },
		{ KEEPS, PMD "; " CNC "\n" PMD, PMD "; " CNC },

		/* The first that will do (Autobahn 13.7). */
		{ KEEPS, PMD "; " SNC "; " SB "=9, " PMD "; " SNC ", " PMD,
		  PMD "; " SNC "; " SB "=9" },
		{ KEEPS, PMD "; " SB "=8, " PMD, PMD },
		{ KEEPS, PMD "; x, " PMD "; " SNC, PMD "; " SNC },
		{ KEEPS, PMD "; " SB "=8\n" PMD "; " CNC, PMD "; " CNC },
		{ SMALL, PMD ", " PMD "; " CB, PMD "; " SB "=10; " CB "=12" },
	};

	return cr_make_param_array(struct row, rows, sizeof(rows) / sizeof(rows[0]));
}

ParameterizedTest(struct row *row, ws_deflate, agrees)
{
	check(row);
}

ParameterizedTestParameters(ws_deflate, declines)
{
	static struct row rows[] = {
		{ KEEPS, "x-webkit-deflate-frame", "" },
		{ KEEPS, "permessage-deflate2", "" },
		{ KEEPS, "Permessage-Deflate", "" },
		{ KEEPS, "x; " PMD, "" },
		/* Parameters: unknown, twice. */
		{ KEEPS, PMD "; x", "" },
		{ KEEPS, PMD "; " SNC "2", "" },
		{ KEEPS, PMD "; " SNC "; " SNC, "" },
		{ KEEPS, PMD "; " CNC "; " CNC, "" },
		{ KEEPS, PMD "; " SB "=9; " SB "=9", "" },
		{ KEEPS, PMD "; " CB "; " CB "=9", "" },
		/* Values: where none may be, missing, wrong. */
		{ KEEPS, PMD "; " SNC "=1", "" },
		{ KEEPS, PMD "; " CNC "=\"true\"", "" },
		{ KEEPS, PMD "; " SB, "" },
		{ KEEPS, PMD "; " SB "=7", "" },
		{ KEEPS, PMD "; " SB "=16", "" },
		{ KEEPS, PMD "; " SB "=09", "" },
		{ KEEPS, PMD "; " SB "=010", "" },
		{ KEEPS, PMD "; " SB "=100", "" },
		{ KEEPS, PMD "; " SB "=+9", "" },
		{ KEEPS, PMD "; " SB "=-9", "" },
		{ KEEPS, PMD "; " SB "=9a", "" },
		{ KEEPS, PMD "; " SB "=99999999999999999999999", "" },
		{ KEEPS, PMD "; " CB "=0", "" },
		{ KEEPS, PMD "; " CB "=7", "" },
		{ KEEPS, PMD "; " CB "=16", "" },
		{ KEEPS, PMD "; " CB "=x", "" },
		/* What zlib cannot do. */
		{ KEEPS, PMD "; " SB "=8", "" },
		/* A client that would need more than the route has. */
		{ SMALL, PMD, "" },
		{ SMALL, PMD "; " SB "=10", "" },
	};

	return cr_make_param_array(struct row, rows, sizeof(rows) / sizeof(rows[0]));
}

ParameterizedTest(struct row *row, ws_deflate, declines)
{
	check(row);
}

ParameterizedTestParameters(ws_deflate, refuses_what_is_malformed)
{
	static struct row rows[] = {
		{ KEEPS, "", "ws-extension" },
		{ KEEPS, " , ", "ws-extension" },
		{ KEEPS, "\n", "ws-extension" },
		{ KEEPS, ";", "ws-extension" },
		{ KEEPS, PMD ";", "ws-extension" },
		{ KEEPS, PMD ";;" SNC, "ws-extension" },
		{ KEEPS, PMD " " SNC, "ws-extension" },
		{ KEEPS, PMD "; " SNC " " CNC, "ws-extension" },
		{ KEEPS, PMD "=1", "ws-extension" },
		{ KEEPS, PMD "; =9", "ws-extension" },
		{ KEEPS, PMD "; " SB "=", "ws-extension" },
		{ KEEPS, PMD "; " SB "==9", "ws-extension" },
		{ KEEPS, PMD "; " SB "=9=9", "ws-extension" },
		{ KEEPS, PMD "; " SB "=\"9", "ws-extension" },
		{ KEEPS, PMD "; " SB "=9\"", "ws-extension" },
		{ KEEPS, PMD "; " SB "=\"\"", "ws-extension" },
		{ KEEPS, PMD "; " SB "=\"9\\", "ws-extension" },
		{ KEEPS, PMD "; " SB "=\"9\\\"", "ws-extension" },
		{ KEEPS, PMD "; " SB "=\" 9\"", "ws-extension" },
		{ KEEPS, PMD "; " SB "=\"9\"9", "ws-extension" },
		{ KEEPS, "\"" PMD "\"", "ws-extension" },
		{ KEEPS, "x; a=\"b,c\"", "ws-extension" },
		{ KEEPS, "caf\xc3\xa9", "ws-extension" },
		{ KEEPS, "a/b", "ws-extension" },
		/* Also where the mistake is behind what would do, or in another's offer. */
		{ KEEPS, PMD ", ;", "ws-extension" },
		{ KEEPS, PMD ", x; a=", "ws-extension" },
		{ KEEPS, PMD "\nx;", "ws-extension" },
	};

	return cr_make_param_array(struct row, rows, sizeof(rows) / sizeof(rows[0]));
}

ParameterizedTest(struct row *row, ws_deflate, refuses_what_is_malformed)
{
	check(row);
}

Test(ws_deflate, agrees_to_nothing_without_fields)
{
	weir_header other = { WEIR_STR("sec-websocket-key"), WEIR_STR(PMD) };
	struct ws_deflate_params params;
	enum fault fault = FAULT_NONE;

	cr_expect_eq(ws_deflate_negotiate(NULL, 0, &configs[KEEPS], &params, &fault), 0);
	cr_expect_eq(ws_deflate_negotiate(&other, 1, &configs[KEEPS], &params, &fault), 0);
	cr_expect_eq(fault, FAULT_NONE);
}

static int negotiate(const char *offers, const struct ws_deflate_config *config,
		     struct ws_deflate_params *params)
{
	weir_header field = { WEIR_STR("sec-websocket-extensions"), weir_strz(offers) };
	enum fault fault = FAULT_NONE;

	return ws_deflate_negotiate(&field, 1, config, params, &fault);
}

Test(ws_deflate, says_what_both_will_do)
{
	struct ws_deflate_params params;

	cr_assert_eq(negotiate(PMD, &configs[KEEPS_NONE], &params), 1);
	cr_expect_eq(params.server_bits, 15);
	cr_expect_eq(params.client_bits, 15);
	cr_expect(params.no_server_context);
	cr_expect(params.no_client_context);

	cr_assert_eq(negotiate(PMD "; " CB "=9; " SB "=11; " SNC, &configs[KEEPS], &params), 1);
	cr_expect_eq(params.server_bits, 11);
	cr_expect_eq(params.client_bits, 9);
	cr_expect(params.no_server_context);
	cr_expect(!params.no_client_context);
}

Test(ws_deflate, leaves_the_result_alone_when_it_declines)
{
	struct ws_deflate_params params = { .server_bits = 77 };

	cr_expect_eq(negotiate(PMD "; " SB "=8", &configs[KEEPS], &params), 0);
	cr_expect_eq(negotiate(PMD ", ;", &configs[KEEPS], &params), -EPROTO);
	cr_expect_eq(params.server_bits, 77);
}

/* No byte beyond: the longest has exactly as many as there may be. */
Test(ws_deflate, has_room_for_the_longest_answer)
{
	struct ws_deflate_params params = { 15, 14, true, true, true, true };
	char *out = malloc(WS_DEFLATE_ANSWER_MAX);

	cr_expect_eq(ws_deflate_answer(&params, out), WS_DEFLATE_ANSWER_MAX);
	free(out);
}

/* Every window and wish against every window and wish: the rules of section 7.1. */
static void check_combination(const struct ws_deflate_config *config, unsigned server_bits,
			      int client_bits, unsigned wishes)
{
	bool wants_bits = server_bits > 0, can_limit = client_bits >= 0;
	struct ws_deflate_params p;
	char offers[160];
	int n, r;

	n = snprintf(offers, sizeof(offers), PMD "%s%s", wishes & 1 ? "; " SNC : "",
		     wishes & 2 ? "; " CNC : "");
	if (wants_bits)
		n += snprintf(offers + n, sizeof(offers) - (size_t)n, "; " SB "=%u", server_bits);
	if (can_limit)
		n += snprintf(offers + n, sizeof(offers) - (size_t)n, "; " CB);
	if (client_bits > 0)
		(void)snprintf(offers + n, sizeof(offers) - (size_t)n, "=%d", client_bits);

	r = negotiate(offers, config, &p);
	if (server_bits == 8 || (!can_limit && config->max_client_bits < 15)) {
		cr_assert_eq(r, 0, "%s", offers);
		return;
	}
	cr_assert_eq(r, 1, "%s", offers);
	cr_assert(p.server_bits >= 9 && p.server_bits <= config->max_server_bits, "%s", offers);
	cr_assert(!wants_bits || (p.server_bits <= server_bits && p.says_server_bits), "%s",
		  offers);
	cr_assert(p.says_server_bits || p.server_bits == 15, "%s", offers);
	cr_assert(p.client_bits >= 8 && p.client_bits <= config->max_client_bits, "%s", offers);
	cr_assert(client_bits <= 0 || p.client_bits <= client_bits, "%s", offers);
	cr_assert(can_limit || !p.says_client_bits, "%s", offers);
	cr_assert(p.says_client_bits || p.client_bits == 15, "%s", offers);
	cr_assert_eq(p.no_server_context, !config->keeps_contexts || (wishes & 1), "%s", offers);
	cr_assert_eq(p.no_client_context, !config->keeps_contexts || (wishes & 2), "%s", offers);
}

static void check_all_offers(const struct ws_deflate_config *config)
{
	for (unsigned server_bits = 7; server_bits <= 15; server_bits++) {
		for (int client_bits = 6; client_bits <= 15; client_bits++) {
			for (unsigned wishes = 0; wishes < 4; wishes++)
				check_combination(config, server_bits == 7 ? 0 : server_bits,
						  client_bits < 8 ? client_bits - 7 : client_bits,
						  wishes);
		}
	}
}

Test(ws_deflate, keeps_the_rules_for_all_combinations)
{
	for (uint8_t server_bits = 9; server_bits <= 15; server_bits++) {
		for (uint8_t client_bits = 8; client_bits <= 15; client_bits++) {
			check_all_offers(
				&(struct ws_deflate_config){ server_bits, client_bits, false });
			check_all_offers(
				&(struct ws_deflate_config){ server_bits, client_bits, true });
		}
	}
}
