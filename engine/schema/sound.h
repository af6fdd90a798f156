/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef DOMFS_SCHEMA_SOUND_H
#define DOMFS_SCHEMA_SOUND_H

#include "../schema.h"

extern const struct schema sound_codec_schema;	/* <codec> of a <sound> */
extern const struct schema audio_stream_schema; /* <input> and <output> of an <audio> */

#endif
