#ifndef WEIR_PUBSUB_H
#define WEIR_PUBSUB_H
/*
 * weir/pubsub.h - telling every worker.
 *
 *	static int listen(weir_req *req)
 *	{
 *		weir_str news;
 *		weir_sub *sub;
 *		int r;
 *
 *		r = weir_subscribe(req, &sub, .topic = WEIR_STR("news"));
 *		if (r < 0)
 *			return r;
 *		r = weir_start(req, 200, "text/plain");
 *		while (r >= 0 && (r = weir_sub_next(sub, &news)) > 0)
 *			r = weir_write(req, news);
 *		return r;
 *	}
 *
 * At most once. A publication goes to those who are subscribed now, in this
 * worker and in the others. One publisher's messages arrive in order; a
 * subscriber that falls behind by more than `queue` messages loses the oldest
 * and is told how many, or is ended. Between workers it goes through the hub, a process that may
 * be restarted: what is under way then is lost, and counted.
 *
 * A topic is literal bytes, never a pattern, so it may come from a client; at
 * most 1024. It belongs to the module unless `shared` is set: two modules may
 * use the same word and never hear of each other.
 */
#include <weir/http.h>
WEIR_BEGIN

typedef struct weir_sub weir_sub;

typedef struct weir_sub_opts {
	size_t size;
	weir_str topic;
	uint8_t prefix;	     /* topic is a prefix: everything that begins with it */
	uint8_t shared;	     /* among the topics of all modules, not this one's */
	uint8_t end_if_slow; /* weir_sub_next() then returns -EPIPE */
	uint8_t _pad;
	uint32_t queue; /* messages it may fall behind by; 0: 64 */
} weir_sub_opts;

/*
 * From now on. Ends with the request, or with weir_unsubscribe(); one that a
 * session relays (weir_ws_relay) ends with the session. -EINVAL for an empty
 * topic that is no prefix, -EMSGSIZE for one that is too long, -ENOMEM.
 */
#define weir_subscribe(req, ret_sub, ...)     \
	weir_subscribe_with((req), (ret_sub), \
			    &(weir_sub_opts){ .size = sizeof(weir_sub_opts), __VA_ARGS__ })
WEIR_API WEIR_MUST_USE int weir_subscribe_with(weir_req *req, weir_sub **ret_sub,
					       const weir_sub_opts *opts);
/* Who waits in weir_sub_next() gets -EPIPE. NULL is fine. */
WEIR_API void weir_unsubscribe(weir_sub *sub);

/*
 * 1 and a message, valid until the next call. -EPIPE: it fell behind, and asked
 * to be ended then; or was unsubscribed. -EBUSY: another task waits here, or a
 * session relays it.
 */
WEIR_API WEIR_SUSPENDS int weir_sub_next(weir_sub *sub, weir_str *ret_message);
WEIR_API weir_str
weir_sub_topic(const weir_sub *sub); /* of the last message: with a prefix it varies */
WEIR_API bool weir_sub_is_text(const weir_sub *sub);  /* the last message */
WEIR_API uint64_t weir_sub_lost(const weir_sub *sub); /* messages, since it began */

enum { WEIR_BINARY = 1 << 0, WEIR_SHARED = 1 << 1 };
/*
 * To all subscribers of the topic, in all workers; the message is copied. Does
 * not suspend, and so still works in a cancelled task. Also from startup(),
 * with weir_app_req(). -EBADMSG for text, which is what it is without WEIR_BINARY,
 * that is not UTF-8; -EMSGSIZE beyond max_publication, or for too long a topic; -EINVAL for an empty topic; -ENOMEM.
 */
WEIR_API WEIR_MUST_USE int weir_publish(weir_req *req, weir_str topic, weir_str message,
					uint32_t flags);

WEIR_END
#endif
