#include "pool_driver.h"
#define S(n) int n(void); int n(void){return -95;}
S(image_ask) S(image_create) S(image_resize) S(strv_free)
