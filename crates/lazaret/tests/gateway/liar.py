"""A server of names, the time and addresses that answers each question with everything that it must not say.

    liar.py ADDRESS OTHER RIGHT          RIGHT is `right` where the last answer to each question is the right one

Wrong numbers, records that nobody asked for, addresses of others, options that overflow or stand elsewhere, answers cut short or
continued, answers from OTHER, and the same unasked to the monitor and to all. Prints how many it sent, for each question.
"""

import os
import socket
import struct
import sys
import threading
import time

ADDRESS, OTHER, RIGHT = sys.argv[1], sys.argv[2], sys.argv[3] == "right"
MONITOR = "202.114.4.8"


def bound(address, port):
    link = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    link.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
    link.bind((address, port))
    return link


def names(question):
    own, asked = question[:2], question[12:]
    other = bytes([own[0] ^ 1, own[1]])
    record = b"\xc0\x0c\0\x01\0\x01\0\0\0\x3c\0\x04"
    good, bad = record + socket.inet_aton(ADDRESS), record + socket.inet_aton("202.114.4.120")
    extra = b"\x04evil\x07example\0\0\x01\0\x01\0\0\0\x3c\0\x04" + socket.inet_aton(ADDRESS)

    def said(number, flags, count, rest, before=asked):
        return number + struct.pack("!HHHHH", flags, 1, count, 0, 0) + before + rest

    right = said(own, 0x8180, 1, good)
    wrong = [
        said(other, 0x8180, 1, good), said(own, 0x8180, 1, bad), said(own, 0x8180, 2, good + extra), said(own, 0x8380, 1, good),
        said(own, 0x0100, 0, b""), said(own, 0x8185, 1, good), said(own, 0x8180, 60000, good), right[:-1], right + b"x",
        said(own, 0x8180, 1, good, b"\x04evil\x07example\0\0\x01\0\x01"), said(own, 0x8180, 1, b"\xc0\xff" + good[2:]),
        said(own, 0x8180, 1, record[:-1] + b"\xff" + socket.inet_aton(ADDRESS)), os.urandom(200), b"", b"\0" * 1400,
    ]
    return wrong, right


def clock(question):
    cookie = question[40:48]

    def said(flags=0x24, stratum=2, origin=cookie, transmit=b"\xe8" * 8, rest=b""):
        return bytes([flags, stratum, 6, 0xE9]) + bytes(8) + b"GPS\0" + b"\xe7" * 8 + origin + b"\xe8" * 8 + transmit + rest

    wrong = [
        said(origin=os.urandom(8)), said(stratum=0), said(stratum=16), said(flags=0xE4), said(flags=0x25), said(flags=0x23),
        said(flags=0x1C), said(transmit=bytes(8)), said(rest=bytes(20)), said()[:47], os.urandom(48), b"",
    ]
    return wrong, said()


def leases(question):
    mac = question[28:34]

    def said(xid=question[4:8], kind=2, ip=MONITOR, server=ADDRESS, relay=question[24:28], more=b"", end=b"\xff", station=mac):
        head = b"\x02\x01\x06\0" + xid + bytes(8) + socket.inet_aton(ip) + bytes(4) + relay + station + bytes(202)
        options = b"\x63\x82\x53\x63\x35\x01" + bytes([kind]) + b"\x36\x04" + socket.inet_aton(server)
        return head + options + b"\x33\x04\0\0\x0e\x10\x01\x04\xff\xff\xff\0" + more + end

    wrong = [
        said(xid=os.urandom(4)), said(kind=5), said(kind=6), said(ip="202.114.4.9"), said(ip="255.255.255.255"),
        said(relay=bytes(4)), said(station=b"\x02\0\0\0\0\x09"), said(more=b"\x34\x01\x03"), said(more=b"\x03\xff" + bytes(9)),
        said(more=b"\x06\x03\x01\x02\x03"), said(more=b"\x33\x04\0\0\0\x01"), said(end=b""), said(end=b"\xff\x35\x01\x05"),
        said()[:200], os.urandom(300), said(more=b"\x2b\xfe" + bytes(254) * 8),
    ]
    return wrong, said(more=b"\x03\x04\x0a\x00\x00\x01\x43\x09pm/update")


def serve(port, answers):
    link, other = bound(ADDRESS, port), bound(OTHER, port)
    print("ready", flush=True)
    while True:
        question, asker = link.recvfrom(4096)
        wrong, right = answers(question)
        # Who is not the server says the right thing.
        other.sendto(right, asker)
        for one in wrong:
            link.sendto(one, asker)
        for target in (MONITOR, "10.20.1.255", "255.255.255.255", "202.114.4.119"):
            for to in (port, 68, 40000):
                try:
                    other.sendto(right, (target, to))
                except OSError:
                    pass
        if RIGHT:
            time.sleep(0.3)
            link.sendto(right, asker)
        print(port, len(wrong), flush=True)


for place in ((53, names), (123, clock), (67, leases)):
    threading.Thread(target=serve, args=place).start()
