/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The linker's --wrap: the library calls __wrap_x() where it says x(). */
#ifndef AEM_STAND_IN_H
#define AEM_STAND_IN_H

int __real_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...);
int __wrap_ioctl(int fd, unsigned long cmd, ...);
int __wrap_brk(void *addr);

#endif /* AEM_STAND_IN_H */
