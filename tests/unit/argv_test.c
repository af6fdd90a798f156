/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Definitions as QEMU's command line: a part of a definition and what it must become, or the words with which it is refused. */
#include "../../drivers/qemu/domain.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define UUID "6a1f4f0e-7d0b-4f0e-9a51-0c3d3c1b2a99"

/* TYPE and OS stand where they belong, TOP among the elements of <domain>. */
static struct doc *definition(const char *type, const char *os, const char *top)
{
	autofree char *text = xasprintf("<domain type='%s'><name>t</name><uuid>" UUID
					"</uuid>%s%s<os><type arch='x86_64' machine='q35'>hvm</type>"
					"%s</os>%s<devices><memballoon model='none'/></devices></domain>",
					type, strstr(top, "<memory unit") ? "" : "<memory unit='MiB'>256</memory>",
					strstr(top, "<vcpu") ? "" : "<vcpu>4</vcpu>", os, top);
	struct error err = { 0 };
	struct doc *d = doc_parse(str_of(text), "domain", &err);

	if (!d)
		fail_msg("%s", error_text(&err));
	if (schema_check(&domain_schema, doc_root(d), &err) < 0)
		fail_msg("%s: %s", text, error_text(&err));
	return d;
}

/* The words after the binary, each on a line of its own. */
static char *words_of(struct doc *d, bool dry, struct error *err)
{
	const struct node *root = doc_root(d);
	autoplan struct plan *p = NULL;
	struct buf out = { 0 };
	struct vec argv = { 0 };

	if (qemu_complete(d, NULL, err) < 0)
		return NULL;
	p = plan_new(root, qemu_caps_get("x86_64", NULL, err), "/run/t", dry);
	if (qemu_plan_domain(p, err) < 0)
		return NULL;
	plan_argv(p, &argv);
	buf_putc(&out, '\n');
	for (size_t i = 0; i < argv.n; i++)
		buf_printf(&out, "%s\n", (char *)argv.at[i]);
	vec_clear(&argv, free);
	return buf_take(&out);
}

static void need_qemu(void)
{
	if (!qemu_caps_get("x86_64", NULL, NULL)) {
		print_message("# qemu-system-x86_64 is not installed\n");
		skip();
	}
}

static const struct {
	const char *type, *os, *top, *words;
} becomes[] = {
	{ "qemu", "", "", "-name\nguest=t,debug-threads=on" },
	{ "qemu", "", "", "-uuid\n" UUID },
	{ "qemu", "", "", "-m\n256" },
	{ "qemu", "", "", "-accel\ntcg" },
	{ "kvm", "", "", "-accel\nkvm" }, /* definable where KVM is not usable */
	{ "qemu", "", "", "-smp\n4,sockets=4,cores=1,threads=1" },
	{ "qemu", "", "<vcpu current='2'>8</vcpu>", "-smp\n2,maxcpus=8,sockets=8,cores=1,threads=1" },
	{ "qemu", "", "<cpu><topology sockets='1' cores='2' threads='2'/></cpu>",
	  "-smp\n4,sockets=1,cores=2,threads=2" },
	{ "qemu", "", "<cpu mode='maximum'/>", "-cpu\nmax,migratable=on" },
	{ "kvm", "", "<cpu mode='host-passthrough'/>", "-cpu\nhost,migratable=on" },
	{ "qemu", "",
	  "<cpu><model>Nehalem</model><feature policy='disable' name='lahf_lm'/><feature policy='require' name='vme'/></cpu>",
	  "-cpu\nNehalem,lahf-lm=off,vme=on" },
	{ "kvm", "",
	  "<features><acpi/><hyperv><relaxed state='on'/><spinlocks state='on' retries='8191'/></hyperv></features>",
	  ",hv-relaxed=on,hv-spinlocks=0x1fff" },
	{ "kvm", "", "<features><kvm><hidden state='on'/></kvm></features>", ",kvm=off" },
	{ "qemu", "", "<features><smm state='on'><tseg>48</tseg></smm></features>",
	  "-global\nmch.extended-tseg-mbytes=48" },
	{ "qemu", "", "<memory unit='KiB'>262145</memory>", "-m\n257" }, /* whole MiB */
	{ "qemu", "", "<memoryBacking><locked/></memoryBacking>", "-overcommit\nmem-lock=on" },
	{ "qemu", "", "<memoryBacking><source type='memfd'/></memoryBacking>",
	  "-object\n{\"qom-type\":\"memory-backend-memfd\",\"id\":\"pc.ram\",\"share\":true,\"size\":268435456}" },
	{ "qemu", "", "<memoryBacking><access mode='shared'/></memoryBacking>",
	  "\"memory-backend-memfd\",\"id\":\"pc.ram\",\"share\":true" },
	{ "qemu", "", "<memoryBacking><source type='file'/></memoryBacking>",
	  "\"memory-backend-file\",\"id\":\"pc.ram\",\"mem-path\":" },
	{ "qemu", "", "<memoryBacking><allocation mode='immediate'/></memoryBacking>", "-mem-prealloc\n" },
	{ "qemu", "", "<memoryBacking><hugepages><page size='2' unit='MiB'/></hugepages></memoryBacking>",
	  "{\"qom-type\":\"memory-backend-memfd\",\"id\":\"pc.ram\",\"hugetlb\":true,\"hugetlbsize\":2097152,\"share\":false,\"prealloc\":true,"
	  "\"size\":268435456}" },
	{ "qemu", "", "<numatune><memory mode='strict' nodeset='0'/></numatune>",
	  "\"host-nodes\":[0],\"policy\":\"bind\"" },
	{ "qemu", "",
	  "<cpu><numa><cell cpus='0-1' memory='128' unit='MiB'/><cell cpus='2,3' memory='64' unit='MiB'/></numa></cpu>",
	  "-numa\nnode,nodeid=1,cpus=2,cpus=3,memdev=ram-node1" },
	{ "qemu", "",
	  "<cpu><numa><cell cpus='0-3' memory='128' unit='MiB'><distances><sibling id='1' value='21'/></distances></cell>"
	  "<cell memory='64' unit='MiB'/></numa></cpu>",
	  "-numa\ndist,src=0,dst=1,val=21" },
	{ "qemu", "",
	  "<cpu><numa><cell cpus='0-3' memory='128' unit='MiB'/><interconnects><bandwidth initiator='0' target='0' type='read' "
	  "value='2' unit='GiB'/></interconnects></numa></cpu>",
	  "-numa\nhmat-lb,initiator=0,target=0,hierarchy=memory,data-type=read-bandwidth,bandwidth=2097152K" },
	{ "qemu", "",
	  "<maxMemory slots='8' unit='GiB'>4</maxMemory><cpu><numa><cell cpus='0-3' memory='256' unit='MiB'/></numa></cpu>",
	  "-m\nsize=262144k,slots=8,maxmem=4194304k" },
	{ "qemu", "", "<iothreads>2</iothreads><iothreadids><iothread id='5'/></iothreadids>",
	  "-object\n{\"qom-type\":\"iothread\",\"id\":\"iothread5\"}\n-object\n{\"qom-type\":\"iothread\",\"id\":\"iothread1\"}" },
	{ "qemu", "",
	  "<vcpu>3</vcpu><vcpus><vcpu id='0' enabled='yes' hotpluggable='no'/><vcpu id='1' enabled='no' hotpluggable='yes'/>"
	  "<vcpu id='2' enabled='yes' hotpluggable='yes'/></vcpus>",
	  "{\"driver\":\"qemu64-x86_64-cpu\",\"id\":\"vcpu2\",\"socket-id\":2,\"core-id\":0,\"thread-id\":0}" },
	{ "qemu", "", "<clock offset='localtime'><timer name='rtc' track='guest' tickpolicy='catchup'/></clock>",
	  "-rtc\nbase=localtime,clock=vm,driftfix=slew" },
	{ "qemu", "", "<clock offset='absolute' start='0'/>", "-rtc\nbase=1970-01-01T00:00:00" },
	{ "qemu", "", "<clock offset='utc'><timer name='hpet' present='no'/></clock>", ",hpet=off" },
	{ "qemu", "", "<pm><suspend-to-mem enabled='no'/></pm>", "-global\nICH9-LPC.disable_s3=1" },
	{ "qemu", "<bootmenu enable='yes' timeout='3000'/>", "", "-boot\nmenu=on,splash-time=3000,strict=on" },
	{ "qemu", "<kernel>/k</kernel><initrd>/i</initrd><cmdline>a,b 'c'</cmdline>", "",
	  "-kernel\n/k\n-initrd\n/i\n-append\na,b 'c'" },
	{ "qemu", "<smbios mode='sysinfo'/>",
	  "<sysinfo type='smbios'><system><entry name='serial'>a,b</entry></system></sysinfo>",
	  "-smbios\ntype=1,serial=a,,b" },
	{ "qemu", "", "<sysinfo type='fwcfg'><entry name='opt/a'>v</entry></sysinfo>", "-fw_cfg\nname=opt/a,string=v" },
	{ "qemu", "<loader type='pflash' readonly='yes' stateless='yes'>/f</loader>", "<features><acpi/></features>",
	  "{\"driver\":\"file\",\"filename\":\"/f\",\"node-name\":\"pflash0-storage\",\"read-only\":true}" },
	{ "qemu", "",
	  "<qemu:commandline xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'><qemu:arg value='-foo'/><qemu:arg value='b a r'/>"
	  "</qemu:commandline>",
	  "-foo\nb a r\n" },
};

static void parts_become_words(void **state unused)
{
	need_qemu();
	for (size_t i = 0; i < ARRAY_SIZE(becomes); i++) {
		autodoc struct doc *d = definition(becomes[i].type, becomes[i].os, becomes[i].top);
		autoerror struct error err = { 0 };
		autofree char *words = words_of(d, true, &err);

		if (!words)
			fail_msg("%s%s: %s", becomes[i].os, becomes[i].top, error_text(&err));
		if (!strstr(words, becomes[i].words))
			fail_msg("%s%s: expected\n%s\nin%s", becomes[i].os, becomes[i].top, becomes[i].words, words);
	}
}

static const struct {
	const char *type, *os, *top, *why;
} refused[] = {
	{ "qemu", "", "<cpu mode='host-passthrough'/>", "needs type='kvm'" },
	{ "qemu", "", "<cpu><model>Z80</model></cpu>", "no such CPU" },
	{ "qemu", "", "<cpu><topology sockets='3' cores='1' threads='1'/></cpu>", "<vcpu> says 4" },
	{ "qemu", "", "<cpu><topology sockets='4'/></cpu>", "needs sockets, cores and threads" },
	{ "qemu", "", "<cpu mode='maximum'><cache mode='emulate' level='2'/></cpu>", "level 3" },
	{ "kvm", "", "<cpu><model>qemu64</model><cache mode='passthrough'/></cpu>", "host-passthrough" },
	{ "qemu", "", "<cpu><model>qemu64</model><maxphysaddr mode='passthrough'/></cpu>", "<maxphysaddr" },
	{ "qemu", "",
	  "<cpu><numa><cell cpus='0-1' memory='1' unit='GiB'/><cell cpus='1' memory='1' unit='GiB'/></numa></cpu>",
	  "vCPU 1" },
	{ "qemu", "", "<cpu><numa><cell cpus='0-7' memory='1' unit='GiB'/></numa></cpu>", "there is no vCPU 4" },
	{ "qemu", "", "<maxMemory slots='2' unit='GiB'>4</maxMemory>", "needs a guest NUMA node" },
	{ "qemu", "", "<numatune><memnode cellid='3' mode='strict' nodeset='0'/></numatune>", "no such cell" },
	{ "qemu", "", "<numatune><memory mode='strict' nodeset='777'/></numatune>", "this host has no NUMA node 777" },
	{ "qemu", "", "<memoryBacking><hugepages/><allocation mode='ondemand'/></memoryBacking>", "ondemand" },
	{ "qemu", "", "<vcpu>2</vcpu><vcpus><vcpu id='0' enabled='no'/><vcpu id='1' enabled='yes'/></vcpus>",
	  "must be enabled" },
	{ "qemu", "", "<iothreadids><iothread id='2'/><iothread id='2'/></iothreadids>", "given twice" },
	{ "qemu", "", "<cputune><iothreadpin iothread='1' cpuset='0'/></cputune>", "no such I/O thread" },
	{ "qemu", "",
	  "<cputune><vcpusched vcpus='0-1' scheduler='batch'/><vcpusched vcpus='1' scheduler='idle'/></cputune>",
	  "as well" },
	{ "qemu", "", "<resource><partition>machine</partition></resource>", "must begin with '/'" },
	{ "kvm", "", "<features><hyperv><spinlocks state='on' retries='16'/></hyperv></features>", "at least 4095" },
	{ "kvm", "", "<features><hyperv><vendor_id state='on' value='longer than twelve'/></hyperv></features>",
	  "at most 12" },
	{ "kvm", "", "<features><tcg><tb-cache unit='MiB'>64</tb-cache></tcg></features>", "KVM translates nothing" },
	{ "qemu", "", "<features><vmport state='on'/><ps2 state='off'/></features>", "<vmport" },
	{ "qemu", "", "<on_poweroff>restart</on_poweroff><on_reboot>destroy</on_reboot>", "on_reboot" },
	{ "qemu", "", "<clock offset='utc'><timer name='platform'/></clock>", "<timer name='platform'>" },
	{ "qemu", "<cmdline>x</cmdline>", "", "needs a <kernel>" },
	{ "qemu", "<loader type='pflash' readonly='yes'>/f</loader>", "", "UEFI needs" },
	{ "qemu", "<loader type='rom'>/f</loader><nvram>/n</nvram>", "", "pflash" },
	{ "qemu", "<smbios mode='sysinfo'/>", "", "needs a <sysinfo" },
	{ "qemu", "", "<sysinfo type='fwcfg'><entry name='etc/x'>v</entry></sysinfo>", "begin with 'opt/'" },
	{ "qemu", "", "<bootloader>/usr/bin/pygrub</bootloader>", "the qemu driver has no bootloader" },
	{ "qemu", "", "<features><htm state='on'/></features>", "the qemu driver has no htm" },
};

static void others_are_refused_by_name(void **state unused)
{
	need_qemu();
	for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
		autodoc struct doc *d = definition(refused[i].type, refused[i].os, refused[i].top);
		autoerror struct error err = { 0 };
		autofree char *words = words_of(d, true, &err);

		if (words)
			fail_msg("%s%s: was accepted", refused[i].os, refused[i].top);
		if (!strstr(error_text(&err), refused[i].why))
			fail_msg("%s%s: expected '%s' in '%s'", refused[i].os, refused[i].top, refused[i].why,
				 error_text(&err));
	}
}

/* What is started gets descriptors in place of the user's paths. */
static void files_are_descriptors(void **state unused)
{
	need_qemu();
	autodoc struct doc *d = definition(
		"qemu", "<loader type='pflash' readonly='yes' stateless='yes'>/f,w</loader><kernel>/k</kernel>",
		"<features><acpi/></features>");
	autoerror struct error err = { 0 };
	autofree char *words = words_of(d, false, &err);

	assert_non_null(words);
	assert_null(strstr(words, "\"/f,w\""));
	assert_non_null(strstr(words, "-add-fd\nfd="));
	assert_non_null(strstr(words, "opaque=/f,,w\n"));
	assert_non_null(strstr(words, "\"filename\":\"/dev/fdset/"));
	assert_non_null(strstr(words, "-kernel\n/proc/self/fd/"));
	assert_non_null(strstr(words, "-chardev\nsocket,id=charmonitor,fd="));
}

/* A complete definition is complete: doing it again changes nothing. */
static void completion_is_stable(void **state unused)
{
	autodoc struct doc *d = definition("qemu", "<boot dev='hd'/>",
					   "<cpu><model>qemu64</model></cpu><features><acpi/><pmu/></features>");
	autoerror struct error err = { 0 };
	autobuf struct buf once = { 0 }, twice = { 0 };

	need_qemu();
	assert_int_equal(qemu_complete(d, NULL, &err), 0);
	doc_print(d, &once);
	assert_int_equal(qemu_complete(d, d, &err), 0);
	doc_print(d, &twice);
	assert_string_equal(buf_text(&once), buf_text(&twice));
}

static void fresh_is_complete(void **state unused)
{
	autofree char *text = qemu_fresh("a<b&c");
	autodoc struct doc *d = doc_parse(str_of(text), "domain", NULL);
	autoerror struct error err = { 0 };

	need_qemu();
	assert_non_null(d);
	assert_string_equal(node_get(doc_root(d), "name"), "a<b&c");
	assert_int_equal(schema_check(&domain_schema, doc_root(d), &err), 0);
	autofree char *words = words_of(d, true, &err);
	if (!words)
		fail_msg("%s", error_text(&err));
}

static void every_row_has_a_property(void **state unused)
{
	autobuf struct buf out = { 0 };

	qemu_map_print(&out); /* aborts at a row whose path no schema has */
	assert_non_null(strstr(buf_text(&out), "domain/memory yes\n"));
	assert_non_null(strstr(buf_text(&out), "domain/bootloader no\n"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parts_become_words),	 cmocka_unit_test(others_are_refused_by_name),
		cmocka_unit_test(files_are_descriptors), cmocka_unit_test(completion_is_stable),
		cmocka_unit_test(fresh_is_complete),	 cmocka_unit_test(every_row_has_a_property),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
