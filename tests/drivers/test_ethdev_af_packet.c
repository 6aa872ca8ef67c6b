/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * DPDK ports on kernel interfaces: a veth pair between two network namespaces of our own. Each end
 * in turn is a DPDK port or the kernel itself. Needs root.
 */
#include "tests/support/child.h"
#include "tests/support/cmocka.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
	SKIP = 77,
	STEP_S = 90, /* a machine that others use may stand still for long */
};

static const char *peer_program;

/* dps0 is in our namespace, dps1 in that of a process that does nothing but hold it. */
static struct {
	pid_t holder;
	int own;
	int other;
} spaces;

static pid_t hold_namespace(void)
{
	int ready[2];
	char byte;
	pid_t pid;

	if (pipe2(ready, O_CLOEXEC) != 0)
		return -1;
	pid = fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (unshare(CLONE_NEWNET) != 0 || write(ready[1], "1", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	close(ready[1]);
	if (read(ready[0], &byte, 1) != 1)
		pid = -1;
	close(ready[0]);
	return pid;
}

__attribute__((format(printf, 1, 2))) static int run(const char *format, ...)
{
	char command[512];
	va_list list;
	int status;

	va_start(list, format);
	vsnprintf(command, sizeof(command), format, list);
	va_end(list);
	status = system(command);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static int enter_spaces(void)
{
	char path[64];

	if (unshare(CLONE_NEWNET) != 0)
		return -errno;
	spaces.holder = hold_namespace();
	if (spaces.holder < 0)
		return -errno;
	snprintf(path, sizeof(path), "/proc/%d/ns/net", (int)spaces.holder);
	spaces.own = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	spaces.other = open(path, O_RDONLY | O_CLOEXEC);
	if (spaces.own < 0 || spaces.other < 0)
		return -errno;
	return run("ip link set lo up && ip link add dps0 type veth peer name dps1 netns %d && "
		   "ip link set dps0 up && "
		   "nsenter -t %d -n sh -c 'ip link set lo up; ip link set dps1 up; "
		   "ip addr add 192.0.2.9/24 dev dps1; "
		   "ip addr add 2001:db8::9/64 dev dps1 nodad'",
		   (int)spaces.holder, (int)spaces.holder) == 0
		       ? 0
		       : -EPERM;
}

static void set_mtu(unsigned int mtu)
{
	assert_int_equal(run("ip link set dps0 mtu %u && nsenter -t %d -n ip link set dps1 mtu %u",
			     mtu, (int)spaces.holder, mtu),
			 0);
}

static void go(int space)
{
	assert_int_equal(setns(space, CLONE_NEWNET), 0);
}

static void start_on(struct child *child, const char *port, const char *address, const char *remote,
		     const char *count, const char *body_bytes, const char *vlan)
{
	const char *const argv[] = { peer_program, port,       "server", address, remote,
				     count,	   body_bytes, "64",	 vlan,	  NULL };

	child_start(child, argv, 0);
}

static void start(struct child *child, bool in_other, const char *address, const char *remote,
		  const char *count, const char *body_bytes, const char *vlan)
{
	if (in_other)
		go(spaces.other);
	start_on(child, in_other ? "af_packet:dps1" : "af_packet:dps0", address, remote, count,
		 body_bytes, vlan);
	if (in_other)
		go(spaces.own);
}

static void await(struct child *child, const char *prefix)
{
	if (!child_await(child, prefix, STEP_S, NULL, 0))
		fail_msg("it did not say \"%s\" in %d s, or ended", prefix, STEP_S);
}

static void end(struct child *child)
{
	assert_int_equal(child_end(child, STEP_S), 0);
}

/* DPDK at both ends. */
static void transfer_over(bool is_ipv6, const char *body_bytes, const char *vlan)
{
	struct child a, b;

	start(&a, false, is_ipv6 ? "2001:db8::1/64" : "192.0.2.1/24",
	      is_ipv6 ? "2001:db8::2" : "192.0.2.2", "3000", body_bytes, vlan);
	start(&b, true, is_ipv6 ? "2001:db8::2/64" : "192.0.2.2/24",
	      is_ipv6 ? "2001:db8::1" : "192.0.2.1", "3000", body_bytes, vlan);
	await(&a, "done");
	await(&b, "done");
	end(&a);
	end(&b);
}

static void transfer__at_1500_over_both_families(void **state)
{
	(void)state;
	set_mtu(1500);
	transfer_over(false, "1408", NULL);
	transfer_over(true, "1392", NULL);
}

static void transfer__at_9000_over_both_families(void **state)
{
	(void)state;
	set_mtu(9000);
	transfer_over(false, "8192", NULL);
	transfer_over(true, "8192", NULL);
	/* The largest that fits: 9000 - 40 - 8 - 56. */
	transfer_over(true, "8896", NULL);
}

static void transfer__in_a_vlan(void **state)
{
	(void)state;
	set_mtu(1500);
	transfer_over(false, "1408", "7");
	transfer_over(true, "1392", "7");
}

/* The kernel at the other end gives back what it gets: it has checked the checksums. */
static void echo_until_done(struct child *child, int fd)
{
	static uint8_t bytes[16384];
	struct timespec now, until;
	char line[64];

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += STEP_S;
	do {
		struct pollfd fds = { .fd = fd, .events = POLLIN };
		struct sockaddr_storage from;
		socklen_t from_bytes = sizeof(from);
		ssize_t got;

		if (poll(&fds, 1, 10) == 1) {
			got = recvfrom(fd, bytes, sizeof(bytes), 0, (struct sockaddr *)&from,
				       &from_bytes);
			assert_true(got > 0);
			assert_int_equal(sendto(fd, bytes, (size_t)got, 0, (struct sockaddr *)&from,
						from_bytes),
					 got);
		} else if (child_await(child, "done", 0, line, sizeof(line))) {
			return;
		}
		clock_gettime(CLOCK_MONOTONIC, &now);
	} while (now.tv_sec < until.tv_sec);
	fail_msg("waited %d s for the echo", STEP_S);
}

/*
 * A socket of the kernel's at port 7420 of its own address, which it need not have yet: who finds
 * the address sends at once, and nothing is sent again.
 */
static int open_echo(bool is_ipv6)
{
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_port = htons(7420) };
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(7420) };
	int fd = socket(is_ipv6 ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	/* A window of jumbo frames is more than a socket holds by default. */
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &(int){ 8 << 20 }, sizeof(int)),
			 0);
	assert_int_equal(setsockopt(fd, is_ipv6 ? IPPROTO_IPV6 : IPPROTO_IP,
				    is_ipv6 ? IPV6_FREEBIND : IP_FREEBIND, &(int){ 1 },
				    sizeof(int)),
			 0);
	inet_pton(AF_INET, "192.0.2.9", &in.sin_addr);
	inet_pton(AF_INET6, "2001:db8::9", &in6.sin6_addr);
	assert_int_equal(bind(fd, is_ipv6 ? (struct sockaddr *)&in6 : (struct sockaddr *)&in,
			      is_ipv6 ? sizeof(in6) : sizeof(in)),
			 0);
	return fd;
}

static void echo_over(bool is_ipv6, const char *body_bytes)
{
	struct child a;
	int fd;

	go(spaces.other);
	fd = open_echo(is_ipv6);
	go(spaces.own);
	start(&a, false, is_ipv6 ? "2001:db8::1/64" : "192.0.2.1/24",
	      is_ipv6 ? "2001:db8::9" : "192.0.2.9", "500", body_bytes, NULL);
	echo_until_done(&a, fd);
	end(&a);
	close(fd);
}

static void kernel__takes_our_datagrams_and_we_its(void **state)
{
	(void)state;
	set_mtu(1500);
	echo_over(false, "1408");
	echo_over(true, "1392");
	set_mtu(9000);
	echo_over(false, "8192");
	echo_over(true, "8192");
}

/* net_tap computes checksums as a NIC does, from what it is told to. */
static void kernel__takes_what_a_device_sums_up(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < 2; i++) {
		bool is_ipv6 = i != 0;
		struct child a;
		int fd;

		start_on(&a, "vdev:net_tap0,iface=dpstap",
			 is_ipv6 ? "2001:db8::1/64" : "192.0.2.1/24",
			 is_ipv6 ? "2001:db8::9" : "192.0.2.9", "500", "1392", NULL);
		await(&a, "open");
		fd = open_echo(is_ipv6);
		assert_int_equal(run("ip addr add %s dev dpstap && ip link set dpstap up",
				     is_ipv6 ? "2001:db8::9/64 nodad" : "192.0.2.9/24"),
				 0);
		echo_until_done(&a, fd);
		close(fd);
		end(&a);
	}
}

static void kernel__finds_us_and_pings(void **state)
{
	int holder = (int)spaces.holder;
	struct child a;

	(void)state;
	if (run("command -v ping") != 0)
		skip();
	set_mtu(9000);
	start(&a, false, "192.0.2.1/24", "192.0.2.2", "1", "0", NULL);
	await(&a, "up");
	assert_int_equal(run("nsenter -t %d -n ping -q -c 5 -i 0.01 -W 5 192.0.2.1", holder), 0);
	assert_int_equal(run("nsenter -t %d -n ping -q -c 5 -i 0.01 -W 5 -M do -s 8972 192.0.2.1 "
			     "",
			     holder),
			 0);
	assert_int_equal(run("nsenter -t %d -n ip neigh show 192.0.2.1 | grep -q lladdr", holder),
			 0);
	end(&a);
	start(&a, false, "2001:db8::1/64", "2001:db8::2", "1", "0", NULL);
	await(&a, "up");
	assert_int_equal(run("nsenter -t %d -n ping -q -c 5 -i 0.01 -W 5 2001:db8::1", holder), 0);
	assert_int_equal(run("nsenter -t %d -n ping -q -c 5 -i 0.01 -W 5 -M do -s 8952 "
			     "2001:db8::1",
			     holder),
			 0);
	end(&a);
}

static void link__is_down_when_the_cable_is(void **state)
{
	struct child a;

	(void)state;
	set_mtu(1500);
	start(&a, false, "192.0.2.1/24", "192.0.2.2", "1", "0", NULL);
	await(&a, "up");
	assert_int_equal(run("nsenter -t %d -n ip link set dps1 down", (int)spaces.holder), 0);
	await(&a, "down");
	assert_int_equal(run("nsenter -t %d -n ip link set dps1 up", (int)spaces.holder), 0);
	await(&a, "up");
	end(&a);
}

static void open__says_what_is_missing(void **state)
{
	const char *const lost[] = { peer_program, "af_packet:dps7",
				     "server",	   "192.0.2.1/24",
				     "192.0.2.2",  "1",
				     "0",	   NULL };
	struct child a;

	(void)state;
	child_start(&a, lost, 0);
	assert_int_equal(child_end(&a, STEP_S), 1);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(transfer__at_1500_over_both_families),
		cmocka_unit_test(transfer__at_9000_over_both_families),
		cmocka_unit_test(transfer__in_a_vlan),
		cmocka_unit_test(kernel__takes_our_datagrams_and_we_its),
		cmocka_unit_test(kernel__takes_what_a_device_sums_up),
		cmocka_unit_test(kernel__finds_us_and_pings),
		cmocka_unit_test(link__is_down_when_the_cable_is),
		cmocka_unit_test(open__says_what_is_missing),
	};
	int err;

	if (argc != 2)
		return 2;
	peer_program = argv[1];
	if (geteuid() != 0) {
		puts("skipped: network namespaces and af_packet need root");
		return SKIP;
	}
	err = enter_spaces();
	if (err != 0) {
		printf("skipped: no network namespace with a veth pair here (%s)\n",
		       strerror(-err));
		return SKIP;
	}
	err = cmocka_run_group_tests(tests, NULL, NULL);
	kill(spaces.holder, SIGKILL);
	waitpid(spaces.holder, NULL, 0);
	return err;
}
