/* A shared library that exports no transform. */

int no_transform(void);
int no_transform(void) { return 0; }
