/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef DOMFS_TREECMD_H
#define DOMFS_TREECMD_H

int tree_run(void); /* the exit status */

#endif
