/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Links by ssh: the uri, what of it becomes options of ssh(1), and what is made of last words. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fs/remote/ssh.h"

static void parse(const char *where, struct ssh_uri *u)
{
	struct error err = { 0 };

	if (ssh_uri_parse(where, u, &err) < 0)
		fail_msg("%s", err.text);
}

static void test_uri(void **state unused)
{
	struct ssh_uri u;

	parse("b", &u);
	assert_string_equal(u.host, "b");
	assert_null(u.user);
	assert_null(u.port);
	ssh_uri_free(&u);
	parse("jo%40corp@[fe80::1%25eth0]:2222/", &u);
	assert_string_equal(u.user, "jo@corp");
	assert_string_equal(u.host, "fe80::1%eth0");
	assert_string_equal(u.port, "2222");
	ssh_uri_free(&u);
	parse("b?keyfile=/k%20y&command=/opt/domfs&known_hosts=/h&sshauth=agent&transport=libssh2", &u);
	assert_string_equal(u.keyfile, "/k y");
	assert_string_equal(u.command, "/opt/domfs");
	assert_string_equal(u.known_hosts, "/h");
	assert_true(u.no_files && !u.no_agent);
	assert_int_equal(u.by, SSH_BY_LIBRARY);
	ssh_uri_free(&u);
}

static void test_refused(void **state unused)
{
	static const char *const bad[] = { "",
					   "@b",
					   "u@",
					   "b:",
					   "b:0",
					   "b:70000",
					   "b:x",
					   "::1",
					   "[::1",
					   "[::1]22",
					   "-b",
					   "-u@b",
					   "b/c",
					   "a b",
					   "$(x)",
					   "b?x",
					   "b?port=1",
					   "b?keyfile=k",
					   "b?keyfile=",
					   "b?sshauth=",
					   "b?sshauth=agent,x",
					   "b?a=%zz",
					   "b?command=/a%22",
					   "b?command=/a&command=/b",
					   "b?transport=",
					   "b?known_hosts=~/x" };

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct ssh_uri u;
		struct error err = { 0 };
		if (ssh_uri_parse(bad[i], &u, &err) != -EINVAL)
			fail_msg("'%s' is taken", bad[i]);
		assert_non_null(err.text);
		error_clear(&err);
	}
}

static char *joined(const char *where)
{
	struct buf out = { 0 };
	struct vec argv = { 0 };
	struct ssh_uri u;

	parse(where, &u);
	ssh_arguments(&u, &argv);
	for (size_t i = 0; i < argv.n; i++)
		buf_printf(&out, "%s%s", i ? " " : "", (char *)argv.at[i]);
	vec_clear(&argv, free);
	ssh_uri_free(&u);
	return buf_take(&out);
}

static void test_arguments(void **state unused)
{
	autofree char *all = joined("u@b:22?config=/c&keyfile=/a%25b&known_hosts=/h&sshauth=privkey");
	autofree char *agent = joined("b?sshauth=agent");

	assert_string_equal(
		all, "ssh -T -F /c -p 22 -l u -oIdentityFile=\"/a%%b\" -oIdentitiesOnly=yes -oIdentityAgent=none "
		     "-oUserKnownHostsFile=\"/h\" -oGlobalKnownHostsFile=none");
	assert_string_equal(agent, "ssh -T -oIdentityFile=none");
}

static void test_command(void **state unused)
{
	struct ssh_uri u = { .command = (char *)"/it's here/domfs" };
	autofree char *quoted = ssh_remote_command(&u);

	assert_string_equal(quoted, "'/it'\\''s here/domfs' connect");
}

static char *last_words(const char *text)
{
	autobuf struct buf b = { 0 };

	buf_puts(&b, text);
	return ssh_last_words(&b);
}

static void test_words(void **state unused)
{
	autofree char *none = last_words(""), *blank = last_words("\n \r\n"), *one = last_words("hello\r\nends\r\n\n");
	autofree char *shell = last_words("Welcome\nsh: 1: domfs: not found\n");
	autofree char *host = last_words("@@@@\nOffending RSA key in /k:3\nHost key verification failed.\n");

	assert_null(none);
	assert_null(blank);
	assert_string_equal(one, "ends");
	assert_ptr_equal(strstr(shell, "sh: 1: domfs: not found; domfs must be installed"), shell);
	assert_string_equal(host, "Offending RSA key in /k:3; Host key verification failed.");
}

static void test_config(void **state unused)
{
	struct ssh_config c = { { 0 } };

	vec_add(&c.lines, (char *)"port 22");
	vec_add(&c.lines, (char *)"identityfile /a");
	vec_add(&c.lines, (char *)"identityfile /b c");
	vec_add(&c.lines, (char *)"ciphers aes,des");
	assert_string_equal(ssh_config_get(&c, "port"), "22");
	assert_string_equal(ssh_config_nth(&c, "identityfile", 1), "/b c");
	assert_null(ssh_config_nth(&c, "identityfile", 2));
	assert_null(ssh_config_get(&c, "identity"));
	assert_true(ssh_config_lists(&c, "ciphers", "des"));
	assert_false(ssh_config_lists(&c, "ciphers", "ae"));
	vec_clear(&c.lines, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_uri),	cmocka_unit_test(test_refused), cmocka_unit_test(test_arguments),
		cmocka_unit_test(test_command), cmocka_unit_test(test_words),	cmocka_unit_test(test_config),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
