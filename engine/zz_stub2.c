#include "pool_driver.h"
#define S(n) int n(void); int n(void){return -95;}
S(image_ask) S(image_create) S(image_resize) S(strv_free)
int image_header(struct str head, uint64_t size, const char *format, struct volume_info *info, struct error *err);
int image_header(struct str head, uint64_t size, const char *format, struct volume_info *info, struct error *err){(void)head;(void)err;info->format=xstrdup(format?format:"raw");info->capacity=size;return 0;}
