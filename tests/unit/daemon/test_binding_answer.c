/* test_binding_answer.c - what mappings say to the handlers they stand for. */
#include "daemon/binding_answer.h"

#include "app/builtin.h"
#include "conf_fixture.h"

Test(binding_answer, a_handler_of_a_module_has_no_settings)
{
	struct conf_route route = { .answer = CONF_ANSWER_HANDLER };
	struct builtin_settings *settings = NULL;
	struct binding_shared shared = { NULL };
	struct messages messages;

	messages_init(&messages);
	cr_assert_eq(binding_answer(&route, &shared, &messages, &settings), 0);
	cr_expect_null(settings);
	messages_done(&messages);
}

Test(binding_answer, mappings_have)
{
	struct conf_route redirect = { .answer = CONF_ANSWER_REDIRECT, .redirect.to.text = "/" };
	struct conf_route respond = { .answer = CONF_ANSWER_RESPOND };
	struct builtin_settings *first = NULL, *second = NULL;
	struct binding_shared shared = { NULL };
	struct messages messages;

	messages_init(&messages);
	cr_assert_eq(binding_answer(&redirect, &shared, &messages, &first), 0);
	cr_assert_eq(binding_answer(&respond, &shared, &messages, &second), 0);
	cr_expect_not_null(first);
	cr_expect_not_null(second);
	cr_expect_neq(first->free, second->free);
	(void)builtin_settings_free(first);
	(void)builtin_settings_free(second);
	messages_done(&messages);
}
