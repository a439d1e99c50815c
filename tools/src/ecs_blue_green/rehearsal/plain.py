"""What clients of httpx2 get for TLS that they never speak: all that they ask is plain HTTP on this machine.

Without it each client reads the certificates of all authorities, which takes 20 ms and, for the first, 5 MiB.
"""

import ssl

# It trusts nobody.
NO_AUTHORITIES = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
