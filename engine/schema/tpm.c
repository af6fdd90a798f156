/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* <tpm>: a trusted platform module: the host's, or an emulated one (swtpm). */
#include "device_rows.h"

static const char *const models[] = { "tpm-tis", "tpm-crb", "tpm-spapr", "spapr-tpm-proxy", NULL };
static const char *const backends[] = { "passthrough", "emulator", "external", NULL };
static const char *const versions[] = { "1.2", "2.0", NULL };
static const char *const source_types[] = { "unix", NULL };
static const char *const source_modes[] = { "connect", NULL };
static const char *const remove_disabled[] = { "check", "fips-host", NULL };

static int tpm_check(const struct node *n, struct error *err)
{
	static const char *const emulated[] = { "backend/encryption", "backend/active_pcr_banks",
						"backend/@persistent_state", "backend/profile", NULL };
	const char *type = node_get(n, "backend/@type");

	if (!type)
		return error_set(err, EINVAL,
				 "line %ld: <tpm> needs <backend type='emulator'/> (or passthrough, external)",
				 node_line(n));
	for (int i = 0; emulated[i]; i++)
		if (node_has(n, emulated[i]) && !str_eq(type, "emulator"))
			return error_set(err, EINVAL,
					 "line %ld: <tpm>: %s is for a backend of type='emulator', not '%s'",
					 node_line(n), emulated[i], type);
	if (node_first(n, "backend/device") && !str_eq(type, "passthrough"))
		return error_set(err, EINVAL, "line %ld: <tpm>: <device> is for a backend of type='passthrough'",
				 node_line(n));
	if (str_eq(type, "external") && !node_has(n, "backend/source/@path"))
		return error_set(
			err, EINVAL,
			"line %ld: <backend type='external'> needs <source type='unix' mode='connect' path='...'/>",
			node_line(node_child(n, "backend")));
	if (node_is(n, "@model", "tpm-crb") && node_is(n, "backend/@version", "1.2"))
		return error_set(err, EINVAL, "line %ld: <tpm model='tpm-crb'> needs version='2.0'", node_line(n));
	if (node_is(n, "backend/@version", "1.2") && node_first(n, "backend/active_pcr_banks"))
		return error_set(err, EINVAL, "line %ld: <active_pcr_banks> needs version='2.0'", node_line(n));
	return 0;
}

const struct schema tpm_schema = {
	.element = "tpm",
	.check = tpm_check,
	.props =
		(const struct prop[]){
			{ "@model", T_ENUM, "model", models, .doc = "what the guest sees" },
			{ "backend/@type", T_ENUM, "backend", backends,
			  .doc = "the host's (passthrough), swtpm (emulator), or one that runs (external)" },
			{ "backend/@version", T_ENUM, "version", versions,
			  .doc = "of the TPM specification (emulator)" },
			{ "backend/@persistent_state", T_ENUM, .words = words_yes_no,
			  .doc = "keep the state of a transient domain" },
			{ "backend/@debug", T_U64, .doc = "how much swtpm logs" },
			{ "backend/device/@path", T_STRING, .doc = "device of the host (passthrough)" },
			{ "backend/encryption/@secret", T_UUID, .doc = "secret that encrypts the state" },
			{ "backend/active_pcr_banks/sha1", T_FLAG, .doc = "this bank is active" },
			{ "backend/active_pcr_banks/sha256", T_FLAG, .doc = "this bank is active" },
			{ "backend/active_pcr_banks/sha384", T_FLAG, .doc = "this bank is active" },
			{ "backend/active_pcr_banks/sha512", T_FLAG, .doc = "this bank is active" },
			{ "backend/profile/@source", T_STRING, .doc = "file of a profile (swtpm)" },
			{ "backend/profile/@name", T_STRING, .doc = "name of a profile" },
			{ "backend/profile/@removeDisabled", T_ENUM, .words = remove_disabled,
			  .doc = "leave out what the host disables" },
			{ "backend/source/@type", T_ENUM, .words = source_types, .doc = "unix (external)" },
			{ "backend/source/@mode", T_ENUM, .words = source_modes, .doc = "connect (external)" },
			{ "backend/source/@path", T_STRING, .doc = "its socket (external)" },
			DEVICE_ROWS,
			{ 0 } },
};
