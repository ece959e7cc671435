/* header_metrics.c - the example of weir/metrics.h. */
#include <weir/weir.h>

struct shop {
	weir_counter *orders;
	weir_gauge *carts;
	weir_histogram *prices;
};

static int startup(weir_app *app)
{
	static struct shop shop;

	shop.orders = weir_counter_new(app, "shop_orders", "Orders taken.",
				       .labels = "kind country");
	shop.carts = weir_gauge_new(app, "shop_carts", "Carts that are being filled.");
	shop.prices = weir_histogram_new(app, "shop_price_euros", "What an order costs.",
					 .unit = "euros");
	weir_app_set_state(app, &shop);
	return 0;
}

static int order(weir_req *req)
{
	struct shop *shop = req->state;

	weir_counter_add(weir_counter_of(shop->orders, weir_param(req, "kind"), WEIR_STR("de")), 1);
	weir_gauge_add(shop->carts, -1);
	weir_histogram_add(shop->prices, 9.5);
	return weir_respond(req, 201, NULL, WEIR_STR(""));
}

extern const weir_handler_entry header_metrics[];
const weir_handler_entry header_metrics[] = { { "order", order, "POST", "/order/{kind}", 0 },
					      { 0 } };
extern int (*const header_metrics_startup)(weir_app *app);
int (*const header_metrics_startup)(weir_app *app) = startup;
