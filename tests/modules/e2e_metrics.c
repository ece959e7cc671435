/* e2e_metrics.c - a module that counts, for tests/e2e/test_metrics.py. */
#include <stdlib.h>
#include <weir/weir.h>

struct shop {
	weir_counter *orders;
	weir_gauge *carts;
	weir_histogram *prices;
};

static int startup(weir_app *app)
{
	struct shop *shop = calloc(1, sizeof(*shop));

	if (!shop)
		return -ENOMEM;
	shop->orders = weir_counter_new(app, "shop_orders", "Orders \"taken\".", .labels = "kind",
					.max_series = 3);
	shop->carts = weir_gauge_new(app, "shop_carts", "Carts that are being filled.");
	shop->prices = weir_histogram_new(app, "shop_price_euros", "Prices.", .unit = "euros");
	weir_app_set_state(app, shop);
	return 0;
}

static void shutdown_(weir_app *app)
{
	free(weir_app_state(app));
}

static int order(weir_req *req)
{
	struct shop *shop = req->state;
	weir_str body;
	int r;

	r = weir_body(req, 4096, &body);
	if (r < 0)
		return r;
	weir_counter_add(weir_counter_of(shop->orders, weir_param(req, "kind")), 1);
	weir_gauge_add(shop->carts, 1);
	weir_histogram_add(shop->prices, 9.5);
	return weir_respond(req, 201, "text/plain", WEIR_STR("taken"));
}

static int fail(weir_req *req)
{
	return -EIO;
}

WEIR_MODULE(.name = "e2e_metrics", .startup = startup, .shutdown = shutdown_,
	    .handlers = WEIR_HANDLERS({ "order", order, "POST", "/order/{kind}", 0 },
				      { "fail", fail, "GET", "/fail", 0 }));
