void bulk_free(void);
void bulk_free(void)
{
}
void bulk_of_fd(void);
void bulk_of_fd(void)
{
}
const char *const file_formats[2] = { "raw", 0 };
#define S(n)                                                                                                           \
	int n(void);                                                                                                   \
	int n(void)                                                                                                    \
	{                                                                                                              \
		return -95;                                                                                            \
	}
S(files_clone)
S(files_create) S(files_directory) S(files_disk) S(files_image) S(files_info) S(files_list) S(files_remove)
	S(files_rename) S(files_resize) S(files_usage) S(files_wipe)
		S(tools_missing)
