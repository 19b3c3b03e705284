"""An agent that lets go of a capability, becomes nobody, and calls the gateway: ADDRESS PORT HOST."""

import ctypes
import http.client
import os
import sys

address, port, host = sys.argv[1:]
NET_RAW, VERSION_3, NOBODY = 13, 0x20080522, 65534

libc = ctypes.CDLL(None, use_errno=True)
header = (ctypes.c_uint32 * 2)(VERSION_3, 0)
sets = (ctypes.c_uint32 * 6)()
if libc.capget(header, sets) != 0:
    raise OSError(ctypes.get_errno(), "capget")
sets[0] &= ~(1 << NET_RAW)
if libc.capset(header, sets) != 0:
    raise OSError(ctypes.get_errno(), "capset")
os.setresgid(NOBODY, NOBODY, NOBODY)
os.setresuid(NOBODY, NOBODY, NOBODY)
connection = http.client.HTTPConnection(address, int(port), timeout=30)
connection.request("GET", "/customers/C-771", headers={"host": host})
print(connection.getresponse().status)
