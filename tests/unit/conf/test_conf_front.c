/* test_conf_front.c - proxies, hosts and limits, as they are written. */
#include "conf/conf_front.h"

#include "base/inet.h"
#include "conf_fixture.h"
#include "proto/forwarded.h"

#define MODULES "modules: [{path: a.so}]\n"

Test(conf_front, every_option_arrives)
{
	const struct conf_front *front;
	struct fixture f;

	fixture_init(&f);
	fixture_load(&f, "trusted_proxies: [127.0.0.1, \"unix:\", 10.0.0.0/8]\n"
			 "forwarded: forwarded\nunknown_hosts: refuse\n"
			 "max_connections_per_address: 7\nrate_limit: 100\nrate_period: 1m\n"
			 "rate_burst: 20\nrate_addresses: 1000\n"
			 "listen: [{address: 127.0.0.1:1, proxy_protocol: true}]\n");
	cr_assert_eq(f.r, 0, "%s", f.said);
	front = &f.conf->front;
	cr_assert_eq(front->n_nets, 2);
	cr_expect_eq(front->nets[0].bits, 128);
	cr_expect_eq(front->nets[1].bits, 104);
	cr_expect(front->trusts_unix);
	cr_expect_eq(front->forwarded, FORWARDED_RFC7239);
	cr_expect_eq(front->unknown_hosts, CONF_UNKNOWN_HOSTS_REFUSE);
	cr_expect_eq(front->max_connections_per_address, 7);
	cr_expect_eq(front->rate_limit, 100);
	cr_expect_eq(front->rate_period_ms, 60000);
	cr_expect_eq(front->rate_burst, 20);
	cr_expect_eq(front->rate_addresses, 1000);
	cr_expect(f.conf->listen[0].has_proxy_protocol);
	fixture_done(&f);
}

Test(conf_front, nobody_is_trusted_and_nothing_limited_unless_it_is_said)
{
	struct fixture f;

	fixture_init(&f);
	fixture_load(&f, MODULES "routes: [{path: /, handler: a.x}]\n");
	cr_assert_eq(f.r, 0, "%s", f.said);
	cr_expect_eq(f.conf->front.n_nets, 0);
	cr_expect_not(f.conf->front.trusts_unix);
	cr_expect_eq(f.conf->front.forwarded, FORWARDED_X);
	cr_expect_eq(f.conf->front.rate_limit, 0);
	cr_expect_eq(f.conf->front.max_connections_per_address, 0);
	cr_expect_eq(f.conf->limits.max_connections, 0);
	cr_expect_null(f.conf->routes[0].host.text);
	cr_expect_not(conf_front_has_own_rate(&f.conf->routes[0]));
	fixture_done(&f);
}

Test(conf_front, a_host_is_spelled_in_one_way)
{
	struct fixture f;

	fixture_init(&f);
	fixture_load(&f, MODULES "routes:\n"
				 "  - {path: /, handler: a.x, host: Example.ORG.}\n"
				 "  - {path: /, handler: a.x, host: \"*.Example.org\"}\n"
				 "  - {path: /, handler: a.x}\n");
	cr_assert_eq(f.r, 0, "%s", f.said);
	cr_expect_str_eq(f.conf->routes[0].host.text, "example.org");
	cr_expect_str_eq(f.conf->routes[1].host.text, "*.example.org");
	fixture_done(&f);
}

static void expect_said(const char *text, const char *words)
{
	struct fixture f;

	fixture_init(&f);
	fixture_load(&f, text);
	cr_expect_eq(f.r, -EINVAL);
	cr_expect_eq(f.messages.n_errors, 1, "%s", f.said);
	cr_expect_not_null(strstr(f.said, words), "%s", f.said);
	fixture_done(&f);
}

Test(conf_front, mistakes_are_told_where_they_are)
{
	expect_said("trusted_proxies:\n  - 127.0.0.1\n  - 10.0.0.1/8\n",
		    "test.yaml:3:5: trusted_proxies: \"10.0.0.1/8\" is no network: ");
	expect_said(
		"trusted_proxies: proxy.example.org\n",
		"test.yaml:1:18: trusted_proxies: \"proxy.example.org\" is neither an address ");
	expect_said(MODULES "routes: [{path: /, handler: a.x, host: \"example.org:80\"}]\n",
		    "test.yaml:2:41: host: \"example.org:80\" has a port");
	expect_said("rate_period: 48h\n", "test.yaml:1:14: rate_period: \"48h\" is more than 24h");
}

Test(conf_front, hosts_that_are_refused_though_none_is_named_are_warned_of)
{
	struct fixture f;

	fixture_init(&f);
	fixture_load(&f, MODULES "unknown_hosts: refuse\nroutes: [{path: /, handler: a.x}]\n");
	cr_expect_eq(f.r, 0);
	cr_expect_eq(f.messages.n_errors, 0);
	cr_expect_not_null(strstr(f.said, "test.yaml:2:1: warning: unknown_hosts: no route"), "%s",
			   f.said);
	fixture_done(&f);
}

Test(conf_front, routes_of_one_host_collide_and_those_of_two_do_not)
{
	expect_said(MODULES "routes:\n  - {path: /, handler: a.x, host: example.org}\n"
			    "  - {path: /, handler: a.x, host: EXAMPLE.org.}\n",
		    "test.yaml:4:12: path: \"/\" is already there in line 3");
	expect_said(MODULES "routes:\n  - {path: \"/{a}\", handler: a.x, host: \"*.b\"}\n"
			    "  - {path: \"/{b}\", handler: a.x, host: \"*.b\"}\n",
		    "test.yaml:4:13: path: \"/{b}\" is shadowed by /{a} in line 3");
}

Test(conf_front, a_route_may_have_a_rate_of_its_own)
{
	struct fixture f;

	fixture_init(&f);
	fixture_load(&f, "rate_limit: 10\nrate_period: 1m\n" MODULES "routes:\n"
			 "  - {path: /a, handler: a.x}\n"
			 "  - {path: /b, handler: a.x, rate_limit: 0}\n"
			 "  - {path: /c, handler: a.x, rate_burst: 3}\n");
	cr_assert_eq(f.r, 0, "%s", f.said);
	cr_expect_not(conf_front_has_own_rate(&f.conf->routes[0]));
	cr_expect_eq(f.conf->routes[0].rate_limit, 10);
	cr_expect(conf_front_has_own_rate(&f.conf->routes[1]));
	cr_expect_eq(f.conf->routes[1].rate_limit, 0);
	cr_expect(conf_front_has_own_rate(&f.conf->routes[2]));
	cr_expect_eq(f.conf->routes[2].rate_limit, 10);
	cr_expect_eq(f.conf->routes[2].rate_period_ms, 60000);
	fixture_done(&f);
}
