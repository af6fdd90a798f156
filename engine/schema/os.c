/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* <os> and <sysinfo>: machine, firmware, boot, and what the firmware tells the guest. */
#include "domain.h"

static const char *const firmwares[] = { "bios", "efi", NULL };
static const char *const boot_devs[] = { "fd", "hd", "cdrom", "network", NULL };
static const char *const loader_types[] = { "rom", "pflash", NULL };
static const char *const formats[] = { "raw", "qcow2", NULL };
static const char *const smbios_modes[] = { "emulate", "host", "sysinfo", NULL };
static const char *const feature_names[] = { "enrolled-keys", "secure-boot", NULL };
static const char *const sysinfo_types[] = { "smbios", "fwcfg", NULL };

const struct schema os_boot_schema = { "boot",
				       (const struct prop[]){ { "@dev", T_ENUM, .words = boot_devs, .flags = P_REQUIRED,
								.doc = "kind of device" },
							      { 0 } },
				       NULL };

const struct schema os_firmware_feature_schema = {
	"feature",
	(const struct prop[]){
		{ "@enabled", T_ENUM, .words = words_yes_no, .flags = P_REQUIRED, .doc = "must it have the feature" },
		{ "@name", T_ENUM, .words = feature_names, .flags = P_REQUIRED, .doc = "which" },
		{ 0 } },
	NULL
};

static const char *const table_types[] = { "raw", "rawset", "msdm", "slic", NULL };

const struct schema os_acpi_table_schema = { "table",
					     (const struct prop[]){ { "", T_STRING, .doc = "a file with the table" },
								    { "@type", T_ENUM, .words = table_types,
								      .flags = P_REQUIRED, .doc = "kind of table" },
								    { 0 } },
					     NULL };

const struct schema os_initarg_schema = {
	"initarg", (const struct prop[]){ { "", T_STRING, .doc = "an argument of init" }, { 0 } }, NULL
};
const struct schema os_initenv_schema = { "initenv",
					  (const struct prop[]){
						  { "", T_STRING, .doc = "its value" },
						  { "@name", T_STRING, .doc = "an environment variable of init" },
						  { 0 } },
					  NULL };

extern const struct schema source_schema;

const struct schema os_schema = {
	.element = "os",
	.props =
		(const struct prop[]){
			{ "@firmware", T_ENUM, .words = firmwares, .doc = "pick a firmware image by itself" },
			{ "type", T_STRING, .doc = "hvm: a whole machine" },
			{ "type/@arch", T_STRING, .doc = "x86_64, aarch64 ..." },
			{ "type/@machine", T_STRING, .doc = "q35, pc, microvm or a version of one" },
			{ "firmware/@type", T_ENUM, .words = firmwares, .doc = "pick a firmware image by itself" },
			{ "firmware/feature", T_LIST, .sub = &os_firmware_feature_schema,
			  .doc = "what the image must have" },
			{ "loader", T_STRING, .doc = "the firmware image" },
			{ "loader/@readonly", T_ENUM, .words = words_yes_no, .doc = "the guest cannot write it" },
			{ "loader/@secure", T_ENUM, .words = words_yes_no, .doc = "secure boot" },
			{ "loader/@type", T_ENUM, .words = loader_types, .doc = "rom or pflash" },
			{ "loader/@format", T_ENUM, .words = formats, .doc = "of the image" },
			{ "loader/@stateless", T_ENUM, .words = words_yes_no, .doc = "no variables are kept" },
			{ "nvram", T_STRING, .doc = "where UEFI variables are kept" },
			{ "nvram/@template", T_STRING, .doc = "what it is made from" },
			{ "nvram/@templateFormat", T_ENUM, .words = formats, .doc = "its format" },
			{ "nvram/@format", T_ENUM, .words = formats, .doc = "of the file" },
			{ "nvram/@type", T_STRING, .doc = "file, block, network" },
			{ "nvram/source", T_SUB, .sub = &source_schema, .doc = "where, for other types" },
			{ "boot", T_LIST, .sub = &os_boot_schema, .doc = "boot order by kind" },
			{ "bootmenu/@enable", T_ENUM, .words = words_yes_no, .doc = "the firmware's boot menu" },
			{ "bootmenu/@timeout", T_U64, .max = 65535, .doc = "how long it shows, ms" },
			{ "bios/@useserial", T_ENUM, .words = words_yes_no,
			  .doc = "firmware messages on the serial port" },
			{ "bios/@rebootTimeout", T_INT, .doc = "ms until it tries again, -1: never" },
			{ "smbios/@mode", T_ENUM, .words = smbios_modes, .doc = "whose SMBIOS strings" },
			{ "kernel", T_STRING, .doc = "kernel to boot" },
			{ "initrd", T_STRING, .doc = "its initial ram disk" },
			{ "cmdline", T_STRING, .doc = "its command line" },
			{ "dtb", T_STRING, .doc = "device tree" },
			{ "shim", T_STRING, .doc = "first-stage boot loader" },
			{ "acpi/table", T_LIST, .sub = &os_acpi_table_schema, .doc = "further ACPI tables" },
			{ "init", T_STRING, .doc = "first program (containers)" },
			{ "initarg", T_LIST, .sub = &os_initarg_schema, .doc = "its arguments" },
			{ "initenv", T_LIST, .sub = &os_initenv_schema, .doc = "its environment" },
			{ "initdir", T_STRING, .doc = "its working directory" },
			{ "inituser", T_STRING, .doc = "its user" },
			{ "initgroup", T_STRING, .doc = "its group" },
			{ "root", T_STRING, .doc = "root device (Xen)" },
			{ 0 },
		},
};

const struct schema sysinfo_entry_schema = { "entry",
					     (const struct prop[]){
						     { "", T_STRING, .doc = "its text" },
						     { "@name", T_STRING, .doc = "name of the string" },
						     { "@file", T_STRING, .doc = "a file with the value (fw_cfg)" },
						     { 0 } },
					     NULL };

const struct schema sysinfo_block_schema = { "block",
					     (const struct prop[]){ { "entry", T_LIST, .sub = &sysinfo_entry_schema,
								      .doc = "strings of the block" },
								    { 0 } },
					     NULL };

const struct schema sysinfo_schema = {
	.element = "sysinfo",
	.props =
		(const struct prop[]){
			{ "@type", T_ENUM, .words = sysinfo_types, .flags = P_REQUIRED, .doc = "smbios or fwcfg" },
			{ "bios/entry", T_LIST, .sub = &sysinfo_entry_schema, .doc = "SMBIOS block 0" },
			{ "system/entry", T_LIST, .sub = &sysinfo_entry_schema, .doc = "SMBIOS block 1" },
			{ "baseBoard", T_LIST, .sub = &sysinfo_block_schema, .doc = "SMBIOS block 2" },
			{ "chassis/entry", T_LIST, .sub = &sysinfo_entry_schema, .doc = "SMBIOS block 3" },
			{ "oemStrings/entry", T_LIST, .sub = &sysinfo_entry_schema, .doc = "SMBIOS block 11" },
			{ "entry", T_LIST, .sub = &sysinfo_entry_schema, .doc = "fw_cfg entries" },
			{ 0 },
		},
};
