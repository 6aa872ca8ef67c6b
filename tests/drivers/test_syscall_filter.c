/* SPDX-License-Identifier: BSD-3-Clause */
/* Each story is a process of its own: there is no way back, and most end by the filter. */
#include "drivers/privilege/syscall_filter.h"
#include "drivers/privilege/syscall_lists.h"
#include "tests/support/cmocka.h"
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	RIGHT = 0,
	WRONG = 1,
	NO_FILTERS = 77,
	CONTROL = DPS_SYSCALLS_STORE | DPS_SYSCALLS_CONTROL,
};

struct end {
	int status;
	char text[1024]; /* its stderr */
};

static void load(unsigned int syscalls)
{
	if (dps_syscall_filter_init() < 0)
		_exit(WRONG);
	if (dps_syscall_filter_load(syscalls) < 0)
		_exit(NO_FILTERS);
}

/* Runs story in a process of its own, with a filter, and its end. */
static struct end end_of(unsigned int syscalls, int (*story)(void))
{
	struct end end = { 0 };
	size_t bytes = 0;
	ssize_t got;
	pid_t child;
	int ends[2];

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		dup2(ends[1], STDERR_FILENO);
		load(syscalls);
		_exit(story());
	}
	close(ends[1]);
	while (bytes < sizeof(end.text) - 1 &&
	       (got = read(ends[0], end.text + bytes, sizeof(end.text) - 1 - bytes)) > 0)
		bytes += (size_t)got;
	close(ends[0]);
	assert_int_equal(waitpid(child, &end.status, 0), child);
	if (WIFEXITED(end.status) && WEXITSTATUS(end.status) == NO_FILTERS)
		skip();
	return end;
}

static void expect_right(unsigned int syscalls, int (*story)(void))
{
	struct end end = end_of(syscalls, story);

	assert_true(WIFEXITED(end.status));
	assert_int_equal(WEXITSTATUS(end.status), RIGHT);
	assert_string_equal(end.text, "");
}

static void expect_ended(unsigned int syscalls, int (*story)(void), const char *name)
{
	struct end end = end_of(syscalls, story);
	char words[64];

	assert_true(WIFSIGNALED(end.status));
	assert_int_equal(WTERMSIG(end.status), SIGSYS);
	snprintf(words, sizeof(words), "the system call %s (", name);
	if (!strstr(end.text, words))
		fail_msg("no \"%s\" in: %s", words, end.text);
	/* One sentence, whole. */
	assert_ptr_equal(strchr(end.text, '\n'), end.text + strlen(end.text) - 1);
}

/* ---- what no thread does ---- */

static int execute(void)
{
	execl("/bin/true", "true", NULL);
	return WRONG;
}

static int begin_process(void)
{
	fork();
	return WRONG;
}

static int trace(void)
{
	ptrace(PTRACE_TRACEME, 0, NULL, NULL);
	return WRONG;
}

static int make_code(void)
{
	mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	return WRONG;
}

static int turn_into_code(void)
{
	void *page = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	mprotect(page, 4096, PROT_READ | PROT_EXEC);
	return WRONG;
}

static int open_packet_socket(void)
{
	socket(AF_PACKET, SOCK_RAW, 0);
	return WRONG;
}

static int kill_another(void)
{
	kill(getppid(), 0);
	return WRONG;
}

static int tell_another(void)
{
	syscall(SYS_tgkill, getppid(), getppid(), 0);
	return WRONG;
}

static int raise_limit(void)
{
	struct rlimit limit = { 0, 0 };

	setrlimit(RLIMIT_NOFILE, &limit);
	return WRONG;
}

static int answer_for_itself(void)
{
	/* The kernel takes 32 bits of it. */
	struct sigaction action = { .sa_handler = SIG_IGN };

	syscall(SYS_rt_sigaction, (unsigned long)SIGSYS | 1ul << 32, &action, NULL, 8);
	return WRONG;
}

static int connect_to_a_service(void)
{
	socket(AF_UNIX, SOCK_STREAM, 0);
	return WRONG;
}

static const struct {
	int (*story)(void);
	const char *name;
} forbidden[] = {
	{ execute, "execve" },
	{ begin_process, "clone" },
	{ trace, "ptrace" },
	{ make_code, "mmap" },
	{ turn_into_code, "mprotect" },
	{ open_packet_socket, "socket" },
	{ kill_another, "kill" },
	{ tell_another, "tgkill" },
	{ raise_limit, "prlimit64" },
	{ answer_for_itself, "rt_sigaction" },
};

static void load__ends_who_does_what_the_control_core_never_does(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < sizeof(forbidden) / sizeof(forbidden[0]); i++)
		if (!strstr(DPS_SYSCALLS_SANITIZERS, forbidden[i].name))
			expect_ended(CONTROL, forbidden[i].story, forbidden[i].name);
	expect_ended(CONTROL, connect_to_a_service, "socket");
}

static int connect_somewhere(void)
{
	socket(AF_INET, SOCK_STREAM, 0);
	return WRONG;
}

static int wait_for_events(void)
{
	epoll_create1(0);
	return WRONG;
}

static void load__ends_who_does_what_the_store_thread_never_does(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < sizeof(forbidden) / sizeof(forbidden[0]); i++)
		expect_ended(DPS_SYSCALLS_STORE, forbidden[i].story, forbidden[i].name);
	expect_ended(DPS_SYSCALLS_STORE, connect_somewhere, "socket");
	expect_ended(DPS_SYSCALLS_STORE, wait_for_events, "epoll_create1");
}

/* ---- what they do ---- */

/* Where nobody is, but for its interface's name. */
static int name_address(void)
{
	struct sockaddr_in6 address = { .sin6_family = AF_INET6, .sin6_scope_id = 1 };
	char host[NI_MAXHOST];

	address.sin6_addr.s6_addr[0] = 0xfe;
	address.sin6_addr.s6_addr[1] = 0x80;
	return getnameinfo((struct sockaddr *)&address, sizeof(address), host, sizeof(host), NULL,
			   0, NI_NUMERICHOST) == 0 &&
			       strchr(host, '%')
		       ? RIGHT
		       : WRONG;
}

static int work_with_files(void)
{
	FILE *file = tmpfile();
	void *memory = malloc(1 << 20);
	bool is_right = file && memory && fputs("words", file) >= 0 && fflush(file) == 0 &&
			fsync(fileno(file)) == 0 && access("/", R_OK) == 0;

	free(memory);
	return is_right ? RIGHT : WRONG;
}

static int serve(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	struct epoll_event event = { .events = EPOLLIN };
	int fd = socket(AF_INET, SOCK_STREAM, 0), events = epoll_create1(0);

	if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0 ||
	    epoll_ctl(events, EPOLL_CTL_ADD, fd, &event) != 0)
		return WRONG;
	return work_with_files();
}

static void load__lets_work_go_on(void **state)
{
	(void)state;
	expect_right(DPS_SYSCALLS_STORE, work_with_files);
	expect_right(CONTROL, work_with_files);
	expect_right(CONTROL, serve);
	expect_right(CONTROL, name_address);
}

/* The highest number there can be: of a call that is yet to be invented. */
static int try_tomorrows_call(void)
{
	return syscall(511) == -1 && errno == ENOSYS ? RIGHT : WRONG;
}

static void load__is_an_older_kernel_to_newer_libraries(void **state)
{
	(void)state;
	expect_right(CONTROL, try_tomorrows_call);
}

static int ask_whether_it_lives(void)
{
	return kill(getppid(), 0) == 0 ? RIGHT : WRONG;
}

static void load__allows_what_is_asked_for(void **state)
{
	(void)state;
	expect_right(CONTROL | DPS_SYSCALLS_CHILD, ask_whether_it_lives);
}

static pthread_t sleeper;

static void *sleep_for_ever(void *context)
{
	for (;;)
		pause();
	return context;
}

/* As EAL does when it ends. */
static int cancel(void)
{
	return pthread_cancel(sleeper) == 0 && pthread_join(sleeper, NULL) == 0 ? RIGHT : WRONG;
}

static void load__lets_threads_be_cancelled(void **state)
{
	pid_t child = fork();
	int status;

	(void)state;
	assert_true(child >= 0);
	if (child == 0) {
		if (pthread_create(&sleeper, NULL, sleep_for_ever, NULL) != 0)
			_exit(WRONG);
		load(CONTROL);
		_exit(cancel());
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	if (WIFEXITED(status) && WEXITSTATUS(status) == NO_FILTERS)
		skip();
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), RIGHT);
}

static int assert_something(void)
{
	abort();
}

static void load__leaves_an_assertion_its_end(void **state)
{
	struct end end = end_of(DPS_SYSCALLS_STORE, assert_something);

	(void)state;
	assert_true(WIFSIGNALED(end.status));
	assert_int_equal(WTERMSIG(end.status), SIGABRT);
}

static void *confine_thread(void *context)
{
	(void)context;
	load(DPS_SYSCALLS_STORE);
	socket(AF_INET, SOCK_STREAM, 0);
	return NULL;
}

/* One thread's forbidden call is everybody's end; the others are free. */
static int confine_one_thread(void)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, confine_thread, NULL) == 0)
		pthread_join(thread, NULL);
	return WRONG;
}

static void load__is_of_the_thread_and_its_end_of_the_process(void **state)
{
	pid_t child = fork();
	int status;

	(void)state;
	assert_true(child >= 0);
	if (child == 0) {
		int fd = socket(AF_UNIX, SOCK_STREAM, 0);

		close(STDERR_FILENO);
		_exit(fd < 0 ? WRONG : confine_one_thread());
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	if (WIFEXITED(status) && WEXITSTATUS(status) == NO_FILTERS)
		skip();
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGSYS);
}

/* ---- the lists ---- */

static void expect_names(const struct dps_syscall_list *list)
{
	const char *names = list->names;
	char name[32];
	int length;

	for (; sscanf(names, " %31s%n", name, &length) == 1; names += length)
		if (seccomp_syscall_resolve_name(name) == __NR_SCMP_ERROR)
			fail_msg("%s is no system call", name);
}

static void lists__name_system_calls(void **state)
{
	(void)state;
	expect_names(&dps_syscalls_store);
	expect_names(&dps_syscalls_control);
	expect_names(&dps_syscalls_child);
	expect_names(&dps_syscalls_device);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(load__ends_who_does_what_the_control_core_never_does),
		cmocka_unit_test(load__ends_who_does_what_the_store_thread_never_does),
		cmocka_unit_test(load__lets_work_go_on),
		cmocka_unit_test(load__is_an_older_kernel_to_newer_libraries),
		cmocka_unit_test(load__allows_what_is_asked_for),
		cmocka_unit_test(load__lets_threads_be_cancelled),
		cmocka_unit_test(load__leaves_an_assertion_its_end),
		cmocka_unit_test(load__is_of_the_thread_and_its_end_of_the_process),
		cmocka_unit_test(lists__name_system_calls),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
