// SPDX-License-Identifier: GPL-2.0-only
/* RFC 4648 base64; JSON has no bytes. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "agent.h"

static const char digits[] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

char *base64_encode(const char *data, size_t len)
{
	const unsigned char *in = (const unsigned char *)data;
	char *text = malloc((len + 2) / 3 * 4 + 1);
	char *out = text;
	uint32_t word;
	size_t i;

	for (i = 0; i < len; i += 3) {
		word = in[i] << 16;
		if (i + 1 < len)
			word |= in[i + 1] << 8;
		if (i + 2 < len)
			word |= in[i + 2];
		*out++ = digits[word >> 18];
		*out++ = digits[word >> 12 & 63];
		*out++ = i + 1 < len ? digits[word >> 6 & 63] : '=';
		*out++ = i + 2 < len ? digits[word & 63] : '=';
	}
	*out = '\0';
	return text;
}

/* Anything but a digit ends the text. */
char *base64_decode(const char *text, size_t *len)
{
	char *data = malloc(strlen(text) / 4 * 3 + 3);
	const char *digit;
	uint32_t word = 0;
	int bits = 0;

	*len = 0;
	for (; *text; text++) {
		digit = strchr(digits, *text);
		if (!digit)
			break;
		word = word << 6 | (digit - digits);
		bits += 6;
		if (bits >= 8) {
			bits -= 8;
			data[(*len)++] = word >> bits;
		}
	}
	return data;
}
