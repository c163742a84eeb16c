"""What a hostile monitor tries to get past a gateway, as raw frames on its cable.

    tricks.py INTERFACE GATEWAY_MAC SECONDS

Other ports, datagrams, DNS, fragments, spoofed sources, IPv6, multicast and broadcast, an ARP answer for the gateway's
other side, source routes, GRE. Prints how many frames were sent.
"""

import socket
import struct
import sys
import time

INTERFACE, MAC, SECONDS = sys.argv[1], bytes.fromhex(sys.argv[2].replace(":", "")), float(sys.argv[3])
OWN = bytes.fromhex("021b5e000001")
MONITOR, OUTSIDE, WARD = "202.114.4.8", "198.51.100.2", "10.20.1.9"


def checksum(data):
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def ip(source, target, protocol, payload, fragment=0, options=b""):
    words = 5 + len(options) // 4
    head = struct.pack(
        "!BBHHHBBH4s4s", 0x40 | words, 0, words * 4 + len(payload), 77, fragment, 64, protocol, 0,
        socket.inet_aton(source), socket.inet_aton(target),
    ) + options
    head = head[:10] + struct.pack("!H", checksum(head)) + head[12:]
    return head + payload


def udp(port, data):
    return struct.pack("!HHHH", 40000, port, 8 + len(data), 0) + data


def tcp(source, target, port):
    head = struct.pack("!HHIIBBHHH", 40001, port, 1, 0, 0x50, 2, 8192, 0, 0)
    pseudo = socket.inet_aton(source) + socket.inet_aton(target) + struct.pack("!BBH", 0, 6, len(head))
    return head[:16] + struct.pack("!H", checksum(pseudo + head)) + head[18:]


def frame(target, kind, payload):
    return target + OWN + struct.pack("!H", kind) + payload


def ip6(target, payload=b"\x9c\x40\x02\x03\x00\x0c\x00\x00leak"):
    source = socket.inet_pton(socket.AF_INET6, "fe80::1b:5eff:fe00:1")
    head = struct.pack("!IHBB", 6 << 28, len(payload), 17, 64)
    return head + source + socket.inet_pton(socket.AF_INET6, target) + payload


def arp(operation, sender, target, station=OWN):
    return struct.pack("!HHBBH6s4s6s4s", 1, 0x0800, 6, 4, operation, station, socket.inet_aton(sender), bytes(6),
                       socket.inet_aton(target))


link = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
link.bind((INTERFACE, 0))
# Asked for with another station's address, answers would go there: the monitor would cut itself off, and its kernel would
# give up what waits in its connection.
TRUE = link.getsockname()[4]
ALL = b"\xff" * 6
frames = []
for source in (MONITOR, OUTSIDE, WARD, "10.20.1.1", "127.0.0.1", "8.8.8.8"):
    for target in (OUTSIDE, WARD, "202.114.4.119", "10.20.1.1", "8.8.8.8"):
        for port in (53, 111, 123, 515, 2049):
            frames.append(frame(MAC, 0x0800, ip(source, target, 17, udp(port, b"leak"))))
            frames.append(frame(MAC, 0x0800, ip(source, target, 6, tcp(source, target, port))))
        frames.append(frame(MAC, 0x0800, ip(source, target, 17, udp(515, b"leak" * 10)[:24], 0x2000)))
        frames.append(frame(MAC, 0x0800, ip(source, target, 17, b"leak" * 6, 3)))
        frames.append(frame(MAC, 0x0800, ip(source, target, 47, b"\0\0\x08\0" + ip(MONITOR, OUTSIDE, 17, udp(53, b"leak")))))
        route = b"\x83\x07\x04" + socket.inet_aton(OUTSIDE) + b"\0"
        frames.append(frame(MAC, 0x0800, ip(source, target, 17, udp(515, b"leak"), 0, route)))
for target in ("fe80::1", "2001:db8::2", "ff02::1", "ff02::fb"):
    frames.append(frame(MAC, 0x86DD, ip6(target)))
    frames.append(frame(ALL, 0x86DD, ip6(target)))
for target in ("255.255.255.255", "202.114.4.255", "10.20.1.255", "224.0.0.251"):
    frames.append(frame(ALL, 0x0800, ip(MONITOR, target, 17, udp(9610, b"leak"))))
for sender in (OUTSIDE, WARD, "10.20.1.1", "198.51.100.1"):
    frames.append(frame(ALL, 0x0806, arp(2, sender, sender)))
    frames.append(frame(ALL, 0x0806, arp(1, MONITOR, sender, TRUE)))

sent, end = 0, time.monotonic() + SECONDS
while time.monotonic() < end:
    for one in frames:
        link.send(one)
        sent += 1
    time.sleep(0.05)
print(sent)
