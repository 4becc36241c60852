# SPDX-License-Identifier: GPL-2.0-or-later
# Where systemd looks for our files: what its pkg-config file says when we install to its prefix, the same place below
# ours otherwise. Each can be set with -DNAME=DIR.
include_guard(GLOBAL)

function(systemd_dir name variable fallback)
	pkg_get_variable(dir systemd ${variable})
	if(NOT dir)
		set(dir ${fallback})
	endif()
	if(NOT CMAKE_INSTALL_PREFIX STREQUAL "/usr")
		string(REGEX REPLACE "^(/usr)?/" "${CMAKE_INSTALL_PREFIX}/" dir ${dir})
	endif()
	set(${name} ${dir} CACHE PATH "Where systemd's ${variable} files go")
endfunction()

systemd_dir(OUTCOMMIT_UNITDIR systemdsystemunitdir /usr/lib/systemd/system)
systemd_dir(OUTCOMMIT_SYSUSERSDIR sysusersdir /usr/lib/sysusers.d)
systemd_dir(OUTCOMMIT_MODULESLOADDIR modulesloaddir /usr/lib/modules-load.d)
# modprobe.d(5) has no pkg-config file of its own: it is beside modules-load.d
string(REGEX REPLACE "modules-load\\.d$" "modprobe.d" modprobe_dir ${OUTCOMMIT_MODULESLOADDIR})
set(OUTCOMMIT_MODPROBEDIR ${modprobe_dir} CACHE PATH "Where modprobe.d files go")
